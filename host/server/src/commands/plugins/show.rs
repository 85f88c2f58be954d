//! One plugin in full.

use registry_host::plugin::{self, Metadata};
use serde_json::json;

use super::verify::verify;
use crate::context::Context;
use crate::exit::{Done, OK};
use crate::output::{Format, fields, table};

/// `registry plugins show`.
pub(super) async fn run(name: &str, context: &mut Context) -> Done {
    let settings = context.settings()?;
    let file = plugin::find(name, settings.plugin_dirs())?;
    let metadata = verify(&file, &settings)?;
    let output = &mut context.output;
    if output.format == Format::Json {
        let mut object = json!(metadata);
        object["file"] = json!(file.to_string_lossy());
        output.line("", object)?;
    } else {
        let Metadata { name, version, api_version, licence, homepage, rustc, lacking, keys, .. } = &metadata;
        let mut about = vec![
            ("name", name.clone()),
            ("version", version.clone()),
            ("API", api_version.clone()),
            ("licence", licence.clone()),
            ("homepage", homepage.clone()),
            ("built by", rustc.clone()),
            ("file", file.display().to_string()),
        ];
        about.extend(lacking.iter().map(|(capability, promise)| ("lacks", format!("{capability}: {promise}"))));
        fields::lines(&about, output).into_iter().try_for_each(|line| output.line(line, ()))?;
        if !keys.is_empty() {
            let rows = keys.iter().map(|key| {
                let kind = if key.secret { format!("{}, secret", key.kind) } else { key.kind.to_string() };
                vec![format!("registry.{name}.{}", key.name), kind, key.default.to_string(), key.doc.to_string()]
            });
            output.line("", ())?;
            let lines = table::lines(&["KEY", "KIND", "DEFAULT", "MEANING"], rows.collect(), output);
            lines.into_iter().try_for_each(|line| output.line(line, ()))?;
        }
    }
    output.flush().await?;
    Ok(OK)
}
