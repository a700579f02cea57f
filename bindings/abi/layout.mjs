// Made from the Rust constants by `cargo xtask codegen`; changes here are overwritten.

/** The interface of the plain module; a host refuses another version. */
export const Abi = Object.freeze({
  ABI_VERSION: 1,
});
