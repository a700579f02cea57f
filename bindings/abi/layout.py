# Made from the Rust constants by `cargo xtask codegen`; changes here are overwritten.


class Abi:
    """The interface of the plain module; a host refuses another version."""

    ABI_VERSION = 1
