//! Terminal output on standard input to an SVG picture on standard output.
//!
//! Reads the SGR sequences (ECMA-48 §8.3.117) that `noroshi` writes: bold, the sixteen colours, reset. Every
//! character stands in its own cell of a monospaced grid, so columns line up in any font.

use std::fmt::Write as _;
use std::io::Read as _;

const CELL_WIDTH: f64 = 8.0;
const LINE_HEIGHT: usize = 18;
const MARGIN: usize = 14;
const BACKGROUND: &str = "#10151c";
const FOREGROUND: &str = "#d7dde5";

/// The xterm defaults, a little brighter so that they read on the dark ground.
const COLORS: [&str; 16] = [
    "#10151c", "#ff6b68", "#7bd88f", "#fcd566", "#6cb6ff", "#d2a8ff", "#5ad4e6", "#d7dde5", "#7d8794", "#ff8f8c",
    "#a5e6b0", "#ffe28a", "#9dcdff", "#e2c5ff", "#8ce4f1", "#ffffff",
];

#[derive(Clone, Copy, Default, PartialEq)]
struct Style {
    foreground: Option<usize>,
    background: Option<usize>,
    bold: bool,
}

impl Style {
    fn apply(&mut self, codes: &str) {
        for code in codes.split(';') {
            match code.parse::<usize>().unwrap_or(0) {
                0 => *self = Style::default(),
                1 => self.bold = true,
                code @ 30..=37 => self.foreground = Some(code - 30),
                code @ 90..=97 => self.foreground = Some(code - 82),
                code @ 40..=47 => self.background = Some(code - 40),
                code @ 100..=107 => self.background = Some(code - 92),
                39 => self.foreground = None,
                49 => self.background = None,
                _ => {}
            }
        }
    }
}

/// Runs of equal style: column, style, text.
fn runs(line: &str) -> Vec<(usize, Style, String)> {
    let mut runs: Vec<(usize, Style, String)> = Vec::new();
    let (mut column, mut style) = (0, Style::default());
    let mut rest = line.chars();
    while let Some(character) = rest.next() {
        if character == '\u{1b}' {
            let sequence: String = rest.by_ref().skip(1).take_while(|character| *character != 'm').collect();
            style.apply(&sequence);
            continue;
        }
        match runs.last_mut() {
            Some((_, last, text)) if *last == style => text.push(character),
            _ => runs.push((column, style, character.to_string())),
        }
        column += 1;
    }
    runs
}

/// Markup escaped, and spaces that no renderer collapses.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace(' ', "\u{a0}")
}

fn svg(input: &str) -> String {
    let lines: Vec<_> = input.lines().map(runs).collect();
    let columns = lines.iter().flatten().map(|(at, _, text)| at + text.chars().count()).max().unwrap_or(0);
    let width = columns as f64 * CELL_WIDTH + 2.0 * MARGIN as f64;
    let height = lines.len() * LINE_HEIGHT + 2 * MARGIN;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n\
         <g font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace\" font-size=\"13\" fill=\"{FOREGROUND}\">\n"
    );
    for (number, line) in lines.iter().enumerate() {
        let base = MARGIN + number * LINE_HEIGHT;
        for (at, style, text) in line {
            let x = MARGIN as f64 + *at as f64 * CELL_WIDTH;
            let wide = text.chars().count() as f64 * CELL_WIDTH;
            if let Some(background) = style.background {
                let _ = writeln!(
                    out,
                    "<rect x=\"{x}\" y=\"{base}\" width=\"{wide}\" height=\"{LINE_HEIGHT}\" fill=\"{}\"/>",
                    COLORS[background]
                );
            }
            if text.trim().is_empty() {
                continue;
            }
            let fill = style.foreground.map_or(String::new(), |color| format!(" fill=\"{}\"", COLORS[color]));
            let bold = if style.bold { " font-weight=\"bold\"" } else { "" };
            let y = base + LINE_HEIGHT - 5;
            let _ =
                writeln!(out, "<text x=\"{x}\" y=\"{y}\" textLength=\"{wide}\"{fill}{bold}>{}</text>", escape(text));
        }
    }
    out.push_str("</g>\n</svg>\n");
    out
}

fn main() -> std::io::Result<()> {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input)?;
    print!("{}", svg(&input));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_run_and_text_is_escaped() {
        let found = runs("a\u{1b}[1;31m<b>\u{1b}[0m c");
        let texts: Vec<_> =
            found.iter().map(|(at, style, text)| (*at, style.bold, style.foreground, text.as_str())).collect();
        assert_eq!(texts, [(0, false, None, "a"), (1, true, Some(1), "<b>"), (4, false, None, " c")]);
        assert!(svg("a\u{1b}[1;31m<b>\u{1b}[0m").contains("fill=\"#ff6b68\" font-weight=\"bold\">&lt;b&gt;</text>"));
    }
}
