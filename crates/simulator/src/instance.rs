//! The simplest values that satisfy a JSON schema: what a model answers when asked for structure.

use serde_json::{Map, Number, Value, json};

use crate::dice::Dice;
use crate::prose;

/// Deepest nesting written; beyond it optional things are left out and arrays are empty.
const DEPTH_MAX: u32 = 8;
/// Deepest nesting followed at all, so that a schema that requires itself ends.
const DEPTH_END: u32 = 24;
/// Most values written, so that a schema that requires itself many times ends soon.
const VALUES_MAX: u32 = 10_000;

/// A value that satisfies `schema`, varied by `dice` where the schema leaves freedom.
///
/// Understood: `type`, `properties`, `required`, `items`, `prefixItems`, `enum`, `const`, `anyOf`,
/// `oneOf`, `allOf`, local `$ref`, lengths, bounds, `multipleOf` and common formats. `pattern` and
/// `not` are not.
pub(crate) fn of_schema(schema: &Value, dice: &mut Dice) -> Value {
    Writer { root: schema, dice, left: VALUES_MAX }.value(schema, 0)
}

struct Writer<'a, 'd> {
    root: &'a Value,
    dice: &'d mut Dice,
    left: u32,
}

impl<'a> Writer<'a, '_> {
    fn value(&mut self, schema: &'a Value, depth: u32) -> Value {
        if depth > DEPTH_END || self.left == 0 {
            return Value::Null;
        }
        self.left -= 1;
        if let Some(constant) = schema.get("const") {
            return constant.clone();
        }
        if let Some(Value::Array(choices)) = schema.get("enum") {
            return choices.get(self.dice.index(choices.len())).cloned().unwrap_or_default();
        }
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            let pointer = target.strip_prefix('#').unwrap_or_default();
            let target = self.root.pointer(pointer).unwrap_or(&Value::Null);
            return self.value(target, depth + 1);
        }
        for any in ["anyOf", "oneOf"] {
            if let Some(Value::Array(branches)) = schema.get(any) {
                // A branch that is null ends recursion where the schema allows it.
                let null = branches.iter().find(|branch| branch["type"] == "null");
                let branch = null.filter(|_| depth > DEPTH_MAX).or(branches.first());
                return branch.map_or(Value::Null, |branch| self.value(branch, depth + 1));
            }
        }
        if let Some(Value::Array(all)) = schema.get("allOf") {
            return self.merged(schema, all, depth);
        }
        match type_of(schema) {
            Some("object") => Value::Object(self.object(schema, depth)),
            Some("array") => Value::Array(self.array(schema, depth)),
            Some("string") => Value::String(self.string(schema)),
            Some("integer" | "number") => self.number(schema),
            Some("boolean") => Value::Bool(self.dice.chance(500)),
            Some("null") => Value::Null,
            _ => json!({}),
        }
    }

    fn merged(&mut self, schema: &'a Value, all: &'a [Value], depth: u32) -> Value {
        let mut merged = self.object(schema, depth);
        for part in all {
            match self.value(part, depth + 1) {
                Value::Object(fields) => merged.extend(fields),
                other if merged.is_empty() => return other,
                _ => {}
            }
        }
        Value::Object(merged)
    }

    fn object(&mut self, schema: &'a Value, depth: u32) -> Map<String, Value> {
        let Some(Value::Object(properties)) = schema.get("properties") else {
            return Map::new();
        };
        let required: Vec<&str> = match schema.get("required") {
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ if depth > DEPTH_MAX => Vec::new(),
            _ => properties.keys().map(String::as_str).collect(),
        };
        let wanted = properties.iter().filter(|(name, _)| required.contains(&name.as_str()));
        wanted.map(|(name, schema)| (name.clone(), self.value(schema, depth + 1))).collect()
    }

    fn array(&mut self, schema: &'a Value, depth: u32) -> Vec<Value> {
        let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0).min(1000);
        let most = schema.get("maxItems").and_then(Value::as_u64).unwrap_or(u64::MAX);
        let first: &[Value] = match schema.get("prefixItems") {
            Some(Value::Array(first)) => first,
            _ => &[],
        };
        let mut items: Vec<Value> = first.iter().map(|item| self.value(item, depth + 1)).collect();
        let Some(item) = schema.get("items").filter(|item| item.is_object()) else {
            return items;
        };
        let usual = if depth > DEPTH_MAX { 0 } else { 1 };
        let count = usize::try_from(least.max(usual).min(most)).unwrap_or(0);
        while items.len() < count {
            items.push(self.value(item, depth + 1));
        }
        items
    }

    fn string(&mut self, schema: &Value) -> String {
        let digit = self.dice.between(1, 9);
        let text = match schema.get("format").and_then(Value::as_str) {
            Some("date") => return format!("2026-0{digit}-1{digit}"),
            Some("time") => return format!("1{digit}:30:00Z"),
            Some("date-time") => return format!("2026-0{digit}-1{digit}T12:00:00Z"),
            Some("email") => return format!("{}@example.com", prose::plain_word(self.dice)),
            Some("uri") => return format!("https://example.com/{}", prose::plain_word(self.dice)),
            Some("uuid") => {
                let tail = self.dice.next() >> 16;
                return format!("0192f0c1-7a5e-7c3d-8b2a-{tail:012x}");
            }
            Some("ipv4") => return format!("192.0.2.{digit}"),
            _ => prose::plain_word(self.dice),
        };
        let bound = |name| schema.get(name).and_then(Value::as_u64);
        let least = usize::try_from(bound("minLength").unwrap_or(0).min(100_000)).unwrap_or(0);
        let most = usize::try_from(bound("maxLength").unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        let mut text: String = text.chars().take(most).collect();
        while text.len() < least {
            text.push('a');
        }
        text
    }

    fn number(&mut self, schema: &Value) -> Value {
        let bound = |name| schema.get(name).and_then(Value::as_f64);
        let step = bound("multipleOf").filter(|step| *step > 0.0).unwrap_or(1.0);
        let above = bound("minimum").or(bound("exclusiveMinimum").map(|low| low + step));
        let below = bound("maximum").or(bound("exclusiveMaximum").map(|high| high - step));
        let wish = f64::from(u32::try_from(self.dice.between(1, 9)).unwrap_or(1)) * step;
        let number = match (above, below) {
            (Some(low), _) if wish < low => (low / step).ceil() * step,
            (_, Some(high)) if wish > high => (high / step).floor() * step,
            _ => wish,
        };
        if number.fract() == 0.0 && number.abs() < 9e15 {
            // The text of a whole float is that of the integer, so no cast can lose a digit.
            if let Ok(whole) = format!("{number:.0}").parse::<i64>() {
                return Value::from(whole);
            }
        }
        Number::from_f64(number).map_or(Value::Null, Value::Number)
    }
}

fn type_of(schema: &Value) -> Option<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => Some(name),
        Some(Value::Array(names)) => names.first().and_then(Value::as_str),
        _ if schema.get("properties").is_some() => Some("object"),
        _ if schema.get("items").is_some() => Some("array"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_to_their_schemas() {
        let table = [
            (json!({"const": 7}), json!(7)),
            (json!({"enum": ["only"]}), json!("only")),
            (json!({"type": "integer", "minimum": 20, "maximum": 20}), json!(20)),
            (json!({"type": "integer", "exclusiveMaximum": 1}), json!(0)),
            (json!({"type": ["null", "string"]}), json!(null)),
            (json!({"type": "array", "items": {"const": 1}, "minItems": 3}), json!([1, 1, 1])),
            (json!({"anyOf": [{"const": "a"}, {"const": "b"}]}), json!("a")),
            (json!({"allOf": [{"properties": {"x": {"const": 1}}}]}), json!({"x": 1})),
            (json!({"$ref": "#/$defs/n", "$defs": {"n": {"const": true}}}), json!(true)),
            (
                json!({"type": "object", "required": ["a"], "properties": {"a": {"const": 1}, "b": {}}}),
                json!({"a": 1}),
            ),
        ];
        for (schema, value) in table {
            assert_eq!(of_schema(&schema, &mut Dice::new(1)), value, "{schema}");
        }
        let text = json!({"type": "string", "minLength": 30, "maxLength": 30});
        assert_eq!(of_schema(&text, &mut Dice::new(1)).as_str().map(str::len), Some(30));
    }

    #[test]
    fn a_schema_that_contains_itself_ends() {
        let tree = json!({
            "type": "object", "required": ["next", "all"],
            "properties": {
                "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
                "all": {"type": "array", "items": {"$ref": "#"}}
            }
        });
        let value = of_schema(&tree, &mut Dice::new(1)).to_string();
        assert!(value.contains("\"next\":null") && value.len() < 1 << 20, "{}", value.len());
        let endless =
            json!({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]});
        assert!(of_schema(&endless, &mut Dice::new(1)).is_object());
    }
}
