//! The layout of the ABI is the one that was written down for its version.
//!
//! A plugin that is out there was built with the layout of its version. A change of the layout gives it another
//! version first, and then `UPDATE_ABI=1` writes it down again.

#![cfg(target_pointer_width = "64")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::{env, fs, path::Path};

use abi_stable::type_layout::{TLField, TypeLayout};
use abi_stable::{StableAbi, std_types::utypeid::UTypeId};
use registry_abi::{RootRef, library::ApiVersion};

const FILE: &str = "tests/layout.txt";

const BUMP: &str = "the layout of the ABI has changed, and its version has not. Plugins that were built with that version \
                    would be refused, or misread. Set another version in registry-api/abi/Cargo.toml: the next minor \
                    (1.4 -> 1.5) if methods were appended to a trait with a default body, or optional fields to Root; \
                    the next major otherwise. Then write the layout down: UPDATE_ABI=1 cargo test --locked --workspace \
                    --test layout";

const WRITE: &str = "the ABI has another version than the layout that is written down. Write it down: UPDATE_ABI=1 cargo \
                     test --locked --workspace --test layout";

/// Every type that can be reached from the root module.
#[derive(Default)]
struct Types {
    seen: Vec<UTypeId>,
    /// In the order of their names; those that differ in their parameters alone have the same one.
    texts: BTreeSet<String>,
}

impl Types {
    fn add(&mut self, layout: &'static TypeLayout) {
        if self.seen.contains(&layout.get_utypeid()) {
            return;
        }
        self.seen.push(layout.get_utypeid());
        let mut text = format!("{}: {} bytes, aligned to {}\n", name(layout), layout.size(), layout.alignment());
        let fields = layout.get_fields().into_iter().flat_map(|fields| fields.iter());
        for field in fields.chain(layout.phantom_fields().iter()) {
            self.add_field(&field, &mut text);
        }
        self.texts.insert(text);
    }

    fn add_field(&mut self, field: &TLField, text: &mut String) {
        self.add(field.layout());
        if !field.is_function() {
            writeln!(text, "    {}: {}", field.name(), name(field.layout())).unwrap();
        }
        for function in field.function_range().iter() {
            let signature = function.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
            writeln!(text, "    {}: {signature}", field.name()).unwrap();
            let returned = function.return_type_layout();
            function.param_type_layouts.iter().chain(returned).for_each(|layout| self.add(layout()));
        }
    }
}

/// A type's name. abi_stable keeps no type parameters, so what is not our own is shown with the types in it.
fn name(layout: &'static TypeLayout) -> String {
    let full = layout.full_type().to_string().trim().to_owned();
    if layout.package() == "registry-abi" {
        return full;
    }
    let fields = layout.get_fields().into_iter().flat_map(|fields| fields.iter());
    let parts: Vec<_> = fields
        .chain(layout.phantom_fields().iter())
        .map(|field| field.full_type().to_string().trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect();
    if parts.is_empty() { full } else { format!("{full} of {}", parts.join(", ")) }
}

#[test]
fn the_layout_is_the_one_of_this_version() {
    let own = ApiVersion::own();
    let version = format!("version {}.{}", own.major, own.minor);
    let mut types = Types::default();
    types.add(<RootRef as StableAbi>::LAYOUT);
    let layout: Vec<_> = types.texts.into_iter().collect();
    let layout = format!("{version}\n\n{}", layout.join("\n"));

    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let written = fs::read_to_string(&file).unwrap_or_default();
    if layout == written {
        return;
    }
    let difference =
        layout.lines().find(|line| !written.lines().any(|before| before == *line)).unwrap_or("less than before");
    assert!(written.lines().next() != Some(&*version), "{BUMP}\n\nfirst new line: {difference}");
    assert!(env::var_os("UPDATE_ABI").is_some(), "{WRITE}");
    fs::write(file, layout).unwrap();
}
