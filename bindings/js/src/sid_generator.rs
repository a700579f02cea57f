//! `SidGenerator`.

use spanloom::{SidConfig, SidGenerator as Sids};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::args::{Options, moment};
use crate::error::OrThrow;
use crate::host;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** Who makes SIDs. */
export interface SidOptions {
  /** The subsystem, for example `svc`. */
  sub?: string;
  /** The place, for example `hf`. */
  location?: string;
  /** The local IPv4 address; without one, random bits stand in. */
  ip?: string;
  /** The local port: at least four characters. */
  port: string | number;
  /** The process id; without one, random bits stand in. */
  pid?: number;
  /** The number of the first SID. */
  index?: number;
}
"#;

/// Makes SIDs, the session ids of astron-agent. No two SIDs of one generator are the same.
///
/// ```js
/// const sids = new SidGenerator({ sub: "svc", location: "hf", ip: "10.1.2.3", port: "8080", pid: process.pid });
/// sids.gen();   // "svc00770000@hf19cb73d35930203802"
/// ```
#[wasm_bindgen]
pub struct SidGenerator {
    sids: Sids,
}

#[wasm_bindgen]
impl SidGenerator {
    /// A generator for this host. Throws a `SidError` where the address or the port is not one.
    ///
    /// ```js
    /// const sids = new SidGenerator({ sub: "web", location: "hf", port: "0000" });   // in a browser
    /// ```
    ///
    /// # Errors
    /// When the address or the port is not one.
    #[wasm_bindgen(constructor)]
    pub fn new(
        #[wasm_bindgen(unchecked_param_type = "SidOptions")] options: &JsValue,
    ) -> Result<Self, JsValue> {
        let options = Options::read(options);
        let text = |name| options.text([name, name]);
        let (sub, location, port) = (text("sub"), text("location"), text("port"));
        let ip = options.get(["ip", "ip"]).map(|_| text("ip"));
        let config = SidConfig {
            sub: &sub,
            location: &location,
            ip: ip.as_deref(),
            port: &port,
            // What counts are the last bits.
            pid: options.int(["pid", "pid"]).map(|pid| pid as u32),
            index: options.int(["index", "index"]).unwrap_or_default() as u16,
            random: u32::from_le_bytes(host::random()),
        };
        Sids::new(&config).or_throw("SidError").map(|sids| Self { sids })
    }

    /// The next SID, made now or at the given Unix milliseconds.
    ///
    /// ```js
    /// const sid = sids.gen();
    /// const fixed = sids.gen(1772600767891);   // for tests
    /// ```
    #[wasm_bindgen(js_name = "gen")]
    #[must_use]
    pub fn generate(
        &self,
        #[wasm_bindgen(unchecked_optional_param_type = "number")] now: &JsValue,
    ) -> String {
        self.sids.generate(moment(now).unsigned_abs()).into()
    }
}
