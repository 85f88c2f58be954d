//! One plugin in full.

use registry_host::plugin::{self, Metadata};
use serde_json::json;

use super::verify::verify;
use crate::context::Context;
use crate::exit::{Done, OK};
use crate::output::{Format, table};

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
        let about = format!(
            "name      {name}\nversion   {version}\nAPI       {api_version}\nlicence   {licence}\nhomepage  {homepage}\n\
             built by  {rustc}\nfile      {}",
            file.display()
        );
        output.line(about, ())?;
        for (capability, promise) in lacking {
            output.line(format!("lacks     {capability}: {promise}"), ())?;
        }
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
