//! `cargo xtask corpus`: unpacks the fuzz corpus for a session of fuzzing, and packs it again afterwards.
//!
//! Git keeps one archive for each target: `captures/fuzz/corpus/TARGET.tar.gz`. libFuzzer needs a folder:
//! `captures/fuzz/corpus/TARGET/`, which git ignores. The folder is there from `unpack` to `pack` only, so it never
//! holds an older corpus than the archive.

use anyhow::{Context, Result, bail, ensure};
use clap::Subcommand;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::{Component, Path, PathBuf};

#[derive(Subcommand)]
pub(crate) enum Corpus {
    /// Write the inputs of the archives into the folders that cargo fuzz reads
    Unpack {
        /// The fuzz target; all of them if none is given
        target: Option<String>,
    },
    /// Make the archives from the folders, then remove the folders
    Pack {
        /// The fuzz target; all that have a folder if none is given
        target: Option<String>,
    },
}

/// The inputs of one target by name.
pub(crate) type Inputs = BTreeMap<String, Vec<u8>>;

impl Corpus {
    /// Unpacks or packs, and prints the number of inputs.
    ///
    /// # Errors
    /// When there is no such target, nothing to pack, an archive or folder holds what is no input, or a file cannot be
    /// read or written.
    pub(crate) fn run(self, root: &Path) -> Result<()> {
        let fuzz = root.join("captures/fuzz");
        match self {
            Self::Unpack { target } => {
                for target in chosen(&fuzz, target)? {
                    unpack(&fuzz, &target).with_context(|| format!("unpacking {target}"))?;
                }
            }
            Self::Pack { target: Some(target) } => {
                for target in chosen(&fuzz, Some(target))? {
                    pack(&fuzz, &target).with_context(|| format!("packing {target}"))?;
                }
            }
            Self::Pack { target: None } => {
                let mut targets = targets(&fuzz)?;
                targets.retain(|target| folder(&fuzz, target).exists());
                ensure!(!targets.is_empty(), "no corpus is unpacked");
                for target in targets {
                    pack(&fuzz, &target).with_context(|| format!("packing {target}"))?;
                }
            }
        }
        Ok(())
    }
}

fn archive(fuzz: &Path, target: &str) -> PathBuf {
    fuzz.join(format!("corpus/{target}.tar.gz"))
}

fn folder(fuzz: &Path, target: &str) -> PathBuf {
    fuzz.join("corpus").join(target)
}

/// All fuzz targets, sorted: one file each in `fuzz_targets/`.
fn targets(fuzz: &Path) -> Result<Vec<String>> {
    let mut targets = Vec::new();
    for entry in fs::read_dir(fuzz.join("fuzz_targets")).context("listing the fuzz targets")? {
        let name = entry?.file_name();
        targets.extend(name.to_string_lossy().strip_suffix(".rs").map(str::to_owned));
    }
    targets.sort();
    Ok(targets)
}

/// The target that was asked for, or all.
fn chosen(fuzz: &Path, target: Option<String>) -> Result<Vec<String>> {
    let all = targets(fuzz)?;
    match target {
        None => Ok(all),
        Some(target) if all.contains(&target) => Ok(vec![target]),
        Some(target) => bail!("no fuzz target {target}; there are {}", all.join(", ")),
    }
}

/// Writes the inputs of the archive into the folder. Inputs that are in the folder only stay there: `cargo fuzz run`
/// may have found them before the archive was unpacked.
#[expect(clippy::print_stdout, reason = "a chore speaks to the terminal")]
fn unpack(fuzz: &Path, target: &str) -> Result<()> {
    let inputs = read(&fs::read(archive(fuzz, target)).context("reading the archive")?)?;
    let folder = folder(fuzz, target);
    fs::create_dir_all(&folder)?;
    for (name, bytes) in &inputs {
        fs::write(folder.join(name), bytes).with_context(|| format!("writing {name}"))?;
    }
    println!("{target}: {} inputs unpacked", inputs.len());
    Ok(())
}

/// Makes the archive from the folder and removes the folder. The archive stays as it is if it holds these inputs already.
#[expect(clippy::print_stdout, reason = "a chore speaks to the terminal")]
fn pack(fuzz: &Path, target: &str) -> Result<()> {
    let (folder, archive) = (folder(fuzz, target), archive(fuzz, target));
    let inputs = listed(&folder).with_context(|| format!("reading {}", folder.display()))?;
    // The corpus of a target is never empty: a test asserts it.
    ensure!(!inputs.is_empty(), "{} is empty", folder.display());
    let before = if archive.exists() { read(&fs::read(&archive)?)? } else { Inputs::new() };
    if before != inputs {
        let packed = gzip(&assemble(&inputs)?)?;
        ensure!(read(&packed)? == inputs, "the archive does not hold what the folder holds");
        fs::write(&archive, packed).context("writing the archive")?;
    }
    fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
    println!("{target}: {} inputs packed; the archive had {} before", inputs.len(), before.len());
    Ok(())
}

/// The files of a folder; anything else in it is an error, for it would be lost.
fn listed(folder: &Path) -> Result<Inputs> {
    let mut inputs = Inputs::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string().ok().context("a name is not UTF-8")?;
        ensure!(entry.file_type()?.is_file(), "{name} is not a file");
        inputs.insert(name, fs::read(entry.path())?);
    }
    Ok(inputs)
}

/// The archive before compression. It depends on the inputs alone: they are sorted, and have no times and no owners.
pub(crate) fn assemble(inputs: &Inputs) -> Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in inputs {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        builder.append_data(&mut header, name, bytes.as_slice()).with_context(|| format!("adding {name}"))?;
    }
    Ok(builder.into_inner()?)
}

/// Compressed; the header has neither a time nor a name.
pub(crate) fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

fn gunzip(packed: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    GzDecoder::new(packed).read_to_end(&mut bytes).context("the archive is damaged")?;
    Ok(bytes)
}

/// The inputs in an archive.
pub(crate) fn read(packed: &[u8]) -> Result<Inputs> {
    let tar = gunzip(packed)?;
    let mut inputs = Inputs::new();
    for entry in tar::Archive::new(tar.as_slice()).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        // Any other name could lead out of the folder.
        let mut parts = path.components();
        let (Some(Component::Normal(name)), None) = (parts.next(), parts.next()) else {
            bail!("{} is not the name of an input", path.display());
        };
        let name = name.to_str().context("a name is not UTF-8")?.to_owned();
        ensure!(entry.header().entry_type().is_file(), "{name} is not a file");
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        inputs.insert(name, bytes);
    }
    Ok(inputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fuzz folder with the targets `stun` and `turn`.
    fn fuzz() -> tempfile::TempDir {
        let fuzz = tempfile::tempdir().unwrap();
        fs::create_dir_all(fuzz.path().join("fuzz_targets")).unwrap();
        fs::write(fuzz.path().join("fuzz_targets/turn.rs"), "").unwrap();
        fs::write(fuzz.path().join("fuzz_targets/stun.rs"), "").unwrap();
        fs::create_dir_all(fuzz.path().join("corpus/stun")).unwrap();
        fuzz
    }

    #[test]
    fn the_archives_are_what_pack_writes() {
        let fuzz = crate::root().join("captures/fuzz");
        for target in targets(&fuzz).unwrap() {
            let packed = fs::read(archive(&fuzz, &target)).unwrap();
            // Compressed bytes may change with the compressor; what is inside does not.
            assert!(gunzip(&packed).unwrap() == assemble(&read(&packed).unwrap()).unwrap(), "{target}");
        }
    }

    #[test]
    fn what_was_packed_is_unpacked_again_and_packs_to_the_same_bytes() {
        let fuzz = fuzz();
        let (folder, archive) = (folder(fuzz.path(), "stun"), archive(fuzz.path(), "stun"));
        fs::write(folder.join("b"), [0; 1000]).unwrap();
        fs::write(folder.join("a"), []).unwrap();
        pack(fuzz.path(), "stun").unwrap();
        assert!(!folder.exists());
        let first = fs::read(&archive).unwrap();

        unpack(fuzz.path(), "stun").unwrap();
        let inputs = Inputs::from([("a".to_owned(), vec![]), ("b".to_owned(), vec![0; 1000])]);
        assert_eq!(listed(&folder).unwrap(), inputs);
        fs::remove_file(&archive).unwrap();
        pack(fuzz.path(), "stun").unwrap();
        assert_eq!(fs::read(&archive).unwrap(), first);
    }

    #[test]
    fn unpacking_keeps_what_was_found_before_and_packing_drops_what_was_removed() {
        let fuzz = fuzz();
        let (folder, archive) = (folder(fuzz.path(), "stun"), archive(fuzz.path(), "stun"));
        fs::write(folder.join("kept"), "1").unwrap();
        pack(fuzz.path(), "stun").unwrap();
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("found"), "2").unwrap();
        unpack(fuzz.path(), "stun").unwrap();
        assert!(listed(&folder).unwrap().keys().eq(["found", "kept"]));

        fs::remove_file(folder.join("kept")).unwrap();
        pack(fuzz.path(), "stun").unwrap();
        assert!(read(&fs::read(&archive).unwrap()).unwrap().keys().eq(["found"]));
    }

    #[test]
    fn nothing_is_packed_from_an_empty_folder_or_one_with_folders_in_it() {
        let fuzz = fuzz();
        assert!(pack(fuzz.path(), "stun").is_err());
        fs::create_dir(folder(fuzz.path(), "stun").join("more")).unwrap();
        assert!(pack(fuzz.path(), "stun").is_err());
        assert!(folder(fuzz.path(), "stun").exists() && !archive(fuzz.path(), "stun").exists());
    }

    #[test]
    fn a_name_that_leads_out_of_the_folder_is_refused() {
        let packed =
            |name: &str| gzip(&assemble(&Inputs::from([(name.to_owned(), vec![1])])).unwrap()).unwrap();
        assert!(read(&packed("a")).is_ok());
        assert!(read(&packed("a/b")).is_err());
        assert!(read(&packed("a")[..20]).is_err());
    }

    #[test]
    fn only_known_targets_are_chosen() {
        let fuzz = fuzz();
        assert_eq!(chosen(fuzz.path(), None).unwrap(), ["stun", "turn"]);
        assert_eq!(chosen(fuzz.path(), Some("turn".into())).unwrap(), ["turn"]);
        let error = chosen(fuzz.path(), Some("ice".into())).unwrap_err();
        assert_eq!(error.to_string(), "no fuzz target ice; there are stun, turn");
    }
}
