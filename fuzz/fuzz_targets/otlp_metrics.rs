#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| spanloom_fuzz::otlp_metrics(data));
