//! Has the executable built again when a file that it embeds has changed.

fn main() {
    for folder in ["../scenarios", "adapters", "agent"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}
