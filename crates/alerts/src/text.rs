//! Text from outside made harmless: control and direction characters, Slack's markup, length.
//!
//! Values come from whoever sends requests (models, features, customers, tags). It must never decide
//! what is told, only how it is written.

use units::Usd;

/// Most characters of one value in a message.
pub(crate) const VALUE_CHARS_MAX: usize = 120;

/// A value on one line, without characters that are not seen or that turn the text around, cut to
/// `most` characters.
pub(crate) fn clean(text: &str, most: usize) -> String {
    let mut out = String::new();
    let mut is_spaced = false;
    let mut count = 0;
    for c in text.chars() {
        let c = if c.is_whitespace() { ' ' } else { c };
        if is_unseen(c) || (c == ' ' && is_spaced) {
            continue;
        }
        if count == most {
            out.pop();
            out.push('…');
            break;
        }
        is_spaced = c == ' ';
        out.push(c);
        count += 1;
    }
    out
}

/// Control characters, and those of Unicode that show nothing or change the direction of text.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Escapes what Slack reads as markup of its own: mentions, links, `<!channel>` need `<`.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A value as code in Slack's markup, where `*`, `_` and `~` mean nothing.
pub(crate) fn code(value: &str) -> String {
    let value = clean(value, VALUE_CHARS_MAX).replace('`', "'");
    if value.trim().is_empty() { "(empty)".to_owned() } else { format!("`{}`", escape(&value)) }
}

/// An amount for reading: `$1,234.56`, and four decimals below a dollar.
pub(crate) fn dollars(amount: Usd) -> String {
    let is_small = amount.pico().unsigned_abs() < 1_000_000_000_000 && !amount.is_zero();
    let fixed = amount.to_fixed(if is_small { 4 } else { 2 });
    let (sign, digits) = match fixed.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", fixed.as_str()),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "00"));
    format!("{sign}${}.{part}", grouped(whole))
}

/// An amount with its sign: `+$3.00`.
pub(crate) fn signed(amount: Usd) -> String {
    if amount < Usd::ZERO { dollars(amount) } else { format!("+{}", dollars(amount)) }
}

/// Digits in groups of three.
pub(crate) fn grouped(digits: &str) -> String {
    let mut out = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Thousandths as percent, without decimals from ten percent on.
pub(crate) fn percent(per_mille: i64) -> String {
    let (sign, size) = (if per_mille < 0 { "-" } else { "" }, per_mille.unsigned_abs());
    if size >= 100 || size.is_multiple_of(10) {
        format!("{sign}{} %", grouped(&((size + 5) / 10).to_string()))
    } else {
        format!("{sign}{}.{} %", size / 10, size % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hostile_values_lose_what_is_not_seen_and_what_slack_would_obey() {
        for (value, shown) in [
            ("plain", "`plain`"),
            ("<!channel> & <@U123|x>", "`&lt;!channel&gt; &amp; &lt;@U123|x&gt;`"),
            ("a`b*c_d~e", "`a'b*c_d~e`"),
            ("pay\u{202e}gpj.exe\u{2066}", "`paygpj.exe`"),
            ("two\r\n\tlines\u{2028}more", "`two lines more`"),
            ("nul\u{0}\u{7f}\u{200b}zero", "`nulzero`"),
            ("\u{e0041}\u{feff}", "(empty)"),
            ("   ", "(empty)"),
        ] {
            assert_eq!(code(value), shown, "{value:?}");
        }
        let long = code(&"é".repeat(100_000));
        assert_eq!(long.chars().count(), VALUE_CHARS_MAX + 2);
        assert!(long.ends_with("…`"));
    }

    #[test]
    fn amounts_are_written_for_reading() {
        let shown = |text: &str| dollars(text.parse().unwrap());
        assert_eq!(shown("1234567.891"), "$1,234,567.89");
        assert_eq!(shown("-999.999"), "-$1,000.00");
        assert_eq!(shown("0.0312"), "$0.0312");
        assert_eq!(shown("0"), "$0.00");
        assert_eq!(signed("12".parse().unwrap()), "+$12.00");
        assert_eq!(
            (percent(38), percent(980), percent(126_000)),
            ("3.8 %".into(), "98 %".into(), "12,600 %".into())
        );
    }

    proptest! {
        #[test]
        fn nothing_slack_would_obey_is_ever_left(value in ".{0,300}") {
            let shown = code(&value);
            prop_assert!(!shown.contains(['<', '>', '\n', '\u{202e}']), "{shown}");
            prop_assert_eq!(shown.matches('`').count() % 2, 0);
        }
    }
}
