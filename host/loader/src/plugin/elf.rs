//! Whether a file is a whole plugin library of this machine, as far as that shows without loading it.
//!
//! `dlopen` maps what the headers name and ends the process with SIGBUS if the file is shorter, so that this is looked
//! at first. Damage elsewhere in the file can't be seen here; a digest in the configuration can, and
//! [`verify_in_child`](super::verify_in_child) finds out at the cost of a process.

use std::{env::consts::ARCH, fs::File, mem};

use object::{
    Endianness, ReadCache, ReadRef,
    elf::{self, Machine},
    read::elf::{FileHeader, ProgramHeader, SectionHeader, Sym},
};
use registry_abi::{HEADER_SYMBOL, library::HEADER_BYTES};

#[cfg(target_pointer_width = "64")]
type Header = elf::FileHeader64<Endianness>;
#[cfg(target_pointer_width = "32")]
type Header = elf::FileHeader32<Endianness>;

const MACHINES: &[(&str, Machine)] = &[
    ("x86_64", elf::EM_X86_64),
    ("aarch64", elf::EM_AARCH64),
    ("x86", elf::EM_386),
    ("arm", elf::EM_ARM),
    ("riscv64", elf::EM_RISCV),
    ("riscv32", elf::EM_RISCV),
    ("powerpc64", elf::EM_PPC64),
    ("powerpc", elf::EM_PPC),
    ("s390x", elf::EM_S390),
    ("loongarch64", elf::EM_LOONGARCH),
];

const NO_LIBRARY: &str = "it is not a shared library (not an ELF file): name a plugin's .so file";
const TRUNCATED: &str = "it is cut short: copy or build it again";
const DAMAGED: &str = "its ELF headers are damaged: copy or build it again";
const NO_PLUGIN: &str = "it is a library, but no registry plugin: a plugin is made with export_plugin!";

/// Looks through the headers and the exported symbols.
///
/// # Errors
///
/// What is wrong and what to do.
pub(crate) fn check(file: &File) -> Result<(), String> {
    let data = &ReadCache::new(file);
    let length = data.len().map_err(|()| "its length can't be read".to_owned())?;
    if length == 0 {
        return Err("it is empty: copy or build it again".to_owned());
    }
    if !data.read_bytes_at(0, 4).is_ok_and(|magic| magic == elf::ELFMAG) {
        return Err(NO_LIBRARY.to_owned());
    }
    let start = data.read_bytes_at(0, 20).map_err(|()| TRUNCATED)?;
    check_machine(start)?;
    let header = Header::parse(data).map_err(|_| if length < 64 { TRUNCATED } else { DAMAGED })?;
    let endian = header.endian().map_err(|_| DAMAGED)?;
    if header.e_type(endian) != elf::ET_DYN {
        return Err("it is an ELF file, but no shared library: name a plugin's .so file".to_owned());
    }
    check_extent(header, endian, data, length)?;
    check_export(header, endian, data)?;
    Ok(())
}

/// Compares class, byte order and machine with those of this process.
fn check_machine(start: &[u8]) -> Result<(), String> {
    let class = if cfg!(target_pointer_width = "64") { elf::ELFCLASS64 } else { elf::ELFCLASS32 };
    let order = if cfg!(target_endian = "big") { elf::ELFDATA2MSB } else { elf::ELFDATA2LSB };
    let number = [start[18], start[19]];
    let machine =
        Machine(if start[5] == elf::ELFDATA2MSB.0 { u16::from_be_bytes(number) } else { u16::from_le_bytes(number) });
    let ours = MACHINES.iter().find(|(arch, _)| *arch == ARCH).map(|(_, machine)| *machine);
    if start[4] == class.0 && start[5] == order.0 && ours.is_none_or(|ours| ours == machine) {
        return Ok(());
    }
    let name = MACHINES.iter().find(|(_, known)| *known == machine).map_or("unknown", |(arch, _)| arch);
    let bits = match start[4] {
        1 => "32-bit",
        2 => "64-bit",
        _ => "unknown class",
    };
    Err(format!("it is built for another machine ({name}, {bits}), this process is {ARCH}: take the build for {ARCH}"))
}

/// Holds everything that the headers name against the length of the file.
fn check_extent<'data, H: FileHeader<Endian = Endianness>, R: ReadRef<'data>>(
    header: &H,
    endian: Endianness,
    data: R,
    length: u64,
) -> Result<(), &'static str> {
    let fits = |offset: u64, size: u64| offset.checked_add(size).is_some_and(|end| end <= length);
    let table_fits = |offset: u64, count: u16, size: usize| fits(offset, u64::from(count) * size as u64);
    let whole = table_fits(header.e_phoff(endian).into(), header.e_phnum(endian), mem::size_of::<H::ProgramHeader>())
        && table_fits(header.e_shoff(endian).into(), header.e_shnum(endian), mem::size_of::<H::SectionHeader>());
    if !whole {
        return Err(TRUNCATED);
    }

    let segments = header.program_headers(endian, data).map_err(|_| DAMAGED)?;
    for segment in segments {
        let (offset, size) = segment.file_range(endian);
        if !fits(offset, size) {
            return Err(TRUNCATED);
        }
        if segment.p_type(endian) == elf::PT_LOAD && size > segment.p_memsz(endian).into() {
            return Err(DAMAGED);
        }
    }
    let has = |kind| segments.iter().any(|segment| segment.p_type(endian) == kind);
    if !has(elf::PT_LOAD) || !has(elf::PT_DYNAMIC) {
        return Err(DAMAGED);
    }
    for section in header.section_headers(endian, data).map_err(|_| DAMAGED)? {
        if section.file_range(endian).is_some_and(|(offset, size)| !fits(offset, size)) {
            return Err(TRUNCATED);
        }
    }
    Ok(())
}

/// Looks for the header that every plugin exports, so that a library that is not a plugin is refused before its code
/// runs.
fn check_export<'data, H: FileHeader<Endian = Endianness>, R: ReadRef<'data>>(
    header: &H,
    endian: Endianness,
    data: R,
) -> Result<(), &'static str> {
    let sections = header.section_headers(endian, data).map_err(|_| DAMAGED)?;
    let Some(table) = sections.iter().find(|section| section.sh_type(endian) == elf::SHT_DYNSYM) else {
        // Section headers may be stripped; the header is then looked for once the library is loaded.
        return Ok(());
    };
    let symbols: &[H::Sym] = table.data_as_array(endian, data).map_err(|_| DAMAGED)?;
    let names = sections
        .get(table.sh_link(endian) as usize)
        .and_then(|strings| strings.data(endian, data).ok())
        .ok_or(DAMAGED)?;
    let is_header = |symbol: &H::Sym| {
        names
            .get(symbol.st_name(endian) as usize..)
            .and_then(|name| name.strip_prefix(HEADER_SYMBOL.as_bytes()))
            .is_some_and(|rest| rest.first() == Some(&0))
    };
    let Some(symbol) = symbols.iter().find(|symbol| !symbol.is_undefined(endian) && is_header(symbol)) else {
        return Err(NO_PLUGIN);
    };
    let size: u64 = symbol.st_size(endian).into();
    if symbol.st_type() != elf::STT_OBJECT || size < HEADER_BYTES as u64 {
        return Err(NO_PLUGIN);
    }
    Ok(())
}
