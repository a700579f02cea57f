//! What has a twin: a group becomes an object in JavaScript and a class of constants in Python.

pub struct Group {
    pub name: &'static str,
    pub doc: &'static str,
    pub rows: &'static [(&'static str, u64)],
}

/// The rows of a group: constants of one module, under the names they have there.
macro_rules! rows {
    ($module:ident { $($name:ident),+ $(,)? }) => {
        &[$((stringify!($name), $module::$name as u64)),+]
    };
}

pub const GROUPS: &[Group] = &[Group {
    name: "Abi",
    doc: "The interface of the plain module; a host refuses another version.",
    rows: rows!(spanloom_abi { ABI_VERSION }),
}];
