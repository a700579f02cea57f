//! The environment of a program as something to report, by Dynamo's rules.
//!
//! Variables are chosen by the start of their names, and their values replaced by what their names say; values are never
//! looked at. This crate reads no environment: the host passes it in.

use super::keys::KeyRules;

/// How names start that are captured when nothing else was said.
pub const PREFIXES: [&str; 28] = [
    "DYN_",
    "CUDA_",
    "NCCL_",
    "HF_",
    "TRANSFORMERS_",
    "SGLANG_",
    "SGL_",
    "MC_",
    "VLLM_",
    "TENSORRT_",
    "TORCH_",
    "UCX_",
    "NIXL_",
    "OMPI_",
    "LLM_",
    "TLLM_",
    "TRT_LLM_",
    "TRTLLM_",
    "NVIDIA_",
    "NSYS_",
    "GENERATE_CU_",
    "OVERRIDE_",
    "TOKENIZERS_",
    "DISABLE_TORCH_",
    "PYTORCH_",
    "ENABLE_PERFECT_ROUTER",
    "FLA_",
    "NEMOTRON_",
];

/// What to capture of an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureOptions {
    /// How names start that are captured; [`PREFIXES`] by default.
    pub prefixes: Vec<String>,
    /// Further names that are captured.
    pub additional: Vec<String>,
    /// Leaves values as they are.
    pub include_sensitive: bool,
    /// Which names hold secrets; [`KeyRules::dynamo`] by default.
    pub keys: KeyRules,
}

impl Default for CaptureOptions {
    fn default() -> Self {
        Self {
            prefixes: PREFIXES.iter().map(|prefix| (*prefix).into()).collect(),
            additional: Vec::new(),
            include_sensitive: false,
            keys: KeyRules::dynamo(),
        }
    }
}

/// The variables that are captured, in the order in which they came, without the values of secrets.
///
/// ```
/// use spanloom::redact::{CaptureOptions, capture_environment};
/// let vars = [("HF_HOME", "/hub"), ("HF_TOKEN", "hf_abc"), ("PATH", "/bin")];
/// let captured = capture_environment(vars, &CaptureOptions::default());
/// assert_eq!(captured, [("HF_HOME".into(), "/hub".into()), ("HF_TOKEN".into(), "<REDACTED>".into())]);
/// ```
pub fn capture_environment<N: AsRef<str>, V: AsRef<str>>(
    vars: impl IntoIterator<Item = (N, V)>,
    options: &CaptureOptions,
) -> Vec<(String, String)> {
    let captured = |name: &str| {
        options.prefixes.iter().any(|prefix| name.starts_with(prefix.as_str()))
            || options.additional.iter().any(|known| known == name)
    };
    vars.into_iter()
        .filter(|(name, _)| captured(name.as_ref()))
        .map(|(name, value)| {
            let hidden = !options.include_sensitive && options.keys.matches(name.as_ref());
            let value = if hidden { options.keys.replacement() } else { value.as_ref() };
            (name.as_ref().into(), value.into())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sensitive_values_on_request() {
        let options = CaptureOptions { include_sensitive: true, ..CaptureOptions::default() };
        let captured = capture_environment([("HF_TOKEN", "hf_abc"), ("MY_VAR", "x")], &options);
        assert_eq!(captured, [("HF_TOKEN".to_owned(), "hf_abc".to_owned())]);
    }
}
