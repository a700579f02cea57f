//! A configuration as text: one setting a line, where it came from behind it, secrets masked.

use core::fmt;

use super::exporter::{Exporting, FIELDS, Signal};
use super::model::{Config, Origin};
use super::parse::show_bytes;
use super::settings::SETTINGS;

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for setting in SETTINGS {
            self.write_line(f, setting.key, &(setting.show)(self))?;
        }
        for signal in Signal::ALL {
            let exporters = self.exporters_of(signal);
            if exporters.is_empty() {
                self.write_line(f, signal.key(), "none")?;
            }
            for (index, exporting) in exporters.iter().enumerate() {
                self.write_exporter(f, &format!("{}[{index}]", signal.key()), exporting)?;
            }
        }
        Ok(())
    }
}

impl Config {
    fn write_exporter(&self, f: &mut fmt::Formatter<'_>, place: &str, exporting: &Exporting) -> fmt::Result {
        self.write_line(f, place, exporting.kind())?;
        match exporting {
            Exporting::Otlp(otlp) => {
                // Whether it is insecure is in the scheme of the endpoint.
                for field in FIELDS.iter().filter(|field| field.key != "insecure") {
                    self.write_line(f, &format!("{place}.{}", field.key), &(field.show)(otlp))?;
                }
            }
            Exporting::Console(format) => {
                self.write_line(f, &format!("{place}.format"), format.name())?;
            }
            Exporting::File(file) => {
                self.write_line(f, &format!("{place}.path"), &format!("{:?}", file.path))?;
                let rotate = file.rotate_bytes.map_or_else(|| "none".into(), show_bytes);
                self.write_line(f, &format!("{place}.rotate_bytes"), &rotate)?;
                self.write_line(f, &format!("{place}.keep"), &file.keep.to_string())?;
            }
            Exporting::Prometheus => {}
        }
        Ok(())
    }

    fn write_line(&self, f: &mut fmt::Formatter<'_>, key: &str, value: &str) -> fmt::Result {
        write!(f, "{key} = {value}")?;
        match self.origins.get(key) {
            None => writeln!(f),
            Some(Origin::Variable(name)) => writeln!(f, "  # {name}"),
            Some(Origin::Line(line)) => writeln!(f, "  # line {line}"),
            Some(Origin::Code) => writeln!(f, "  # code"),
        }
    }
}
