//! Layers: who is believed when, what a line says of its source, list and contract, factors.

use events::Meter::{AudioSeconds, CacheReadText, InputText, OutputText, WebSearch};
use events::Meters;
use pricing::{Factor, Layer, LayerKind, PriceBook, PriceContext, Query};
use proptest::prelude::*;
use units::{UnixMicros, Usd};

use crate::{BOOK, cost, instant, meters, usd};

const NOW: &str = "2026-11-22T12:00:00Z";
const GPT: (&str, &str) = ("openai", "gpt-5.4");
const OPUS: (&str, &str) = ("anthropic", "claude-opus-5");

fn layer(kind: LayerKind, json: &str) -> Layer {
    Layer { kind, name: format!("{kind}.json"), json: json.to_owned() }
}

fn with(layers: &[Layer]) -> PriceBook {
    PriceBook::compose(&[&Layer::embedded(), layers].concat()).unwrap()
}

fn gpt(rest: &str) -> String {
    format!(r#"{{"providers":[{{"id":"openai","models":[{{"id":"gpt-5.4",{rest}}}]}}]}}"#)
}

fn input(price: &str) -> String {
    gpt(&format!(r#""prices":[{{"rates":{{"input":"{price}"}}}}]"#))
}

fn million() -> Meters {
    meters(&[(InputText, 100_000)])
}

fn in_context(
    book: &PriceBook,
    (provider, model): (&str, &str),
    context: PriceContext<'_>,
    used: &Meters,
) -> Option<(Usd, Usd)> {
    let query = Query { provider, model, at: instant(NOW), context, meters: used };
    book.price(&query).map(|priced| (priced.list, priced.cost))
}

#[test]
fn the_highest_layer_speaks_whatever_the_order_they_are_given_in() {
    let layers = [
        layer(LayerKind::Contract, &input("1")),
        layer(LayerKind::Operator, &input("2")),
        layer(LayerKind::Imported, &input("3")),
    ];
    for count in 0..=3 {
        let mut over: Vec<Layer> = layers.iter().rev().take(count).cloned().collect();
        let book = PriceBook::compose(&[&over[..], &Layer::embedded()].concat()).unwrap();
        over.reverse();
        // Those of one kind keep their order.
        let other = PriceBook::compose(&[Layer::embedded(), over].concat()).unwrap();
        let expected = ["0.25", "0.3", "0.2", "0.1"][count];
        assert_eq!(cost(&book, GPT, NOW, &million()), usd(expected), "{count}");
        assert_eq!(cost(&other, GPT, NOW, &million()), usd(expected), "{count}");
        assert_eq!(book.version(), other.version(), "{count}");
    }
}

#[test]
fn an_operators_file_laid_over_a_contract_stays_below_it() {
    let contract = with(&[layer(LayerKind::Contract, &input("1"))]);
    let over = contract.with_overlay(&input("2"), "operator.json").unwrap();
    let priced = in_context(&over, GPT, PriceContext::NONE, &million());
    assert_eq!(priced, usd("0.2").zip(usd("0.1")));
    let all = [layer(LayerKind::Operator, &input("2")), layer(LayerKind::Contract, &input("1"))];
    assert_eq!(over.version(), with(&all).version());
}

#[test]
fn before_its_first_day_and_after_its_last_the_layer_below_speaks() {
    let book = with(&[layer(
        LayerKind::Operator,
        &gpt(
            r#""prices":[{"from":"2026-11-01","to":"2026-12-01T06:00:00+01:00","rates":{"input":"1"}},
                        {"from":"2027-01-01","rates":{"input":"2"}}]"#,
        ),
    )]);
    for (at, expected) in [
        ("2026-10-31T23:59:59.999999Z", "0.25"),
        ("2026-11-01T00:00:00Z", "0.1"),
        ("2026-12-01T04:59:59.999999Z", "0.1"),
        ("2026-12-01T05:00:00Z", "0.25"),
        ("2027-01-01T00:00:00Z", "0.2"),
    ] {
        assert_eq!(cost(&book, GPT, at, &million()), usd(expected), "{at}");
    }
    let alone = PriceBook::compose(&[layer(
        LayerKind::Operator,
        r#"{"providers":[{"id":"p","models":[{"id":"m","prices":[{"from":"2026-11-01","rates":{"input":"1"}}]}]}]}"#,
    )])
    .unwrap();
    assert_eq!(cost(&alone, ("p", "m"), "2026-10-31T00:00:00Z", &million()), None);
    assert_eq!(cost(&alone, ("p", "m"), NOW, &million()), usd("0.1"));
}

#[test]
fn a_layer_with_only_variants_adds_them_and_an_ignorant_one_keeps_those_below() {
    let flex = PriceContext { service_tier: Some("flex"), ..PriceContext::NONE };
    let priced = |json: &str, context| {
        let book = with(&[layer(LayerKind::Imported, json)]);
        in_context(&book, GPT, context, &million()).map(|(_, cost)| cost)
    };
    let added = gpt(r#""variants":[{"when":{"service_tier":"flex"},"rates":{"input":"0.7"}}]"#);
    assert_eq!(priced(&added, PriceContext::NONE), usd("0.25"));
    assert_eq!(priced(&added, flex), usd("0.07"));
    // Without a word about variants a layer speaks for every request.
    assert_eq!(priced(&input("2"), flex), usd("0.2"));
    let ignorant = gpt(r#""keep_variants":true,"prices":[{"rates":{"input":"2"}}]"#);
    assert_eq!(priced(&ignorant, flex), usd("0.125"));
    assert_eq!(priced(&ignorant, PriceContext::NONE), usd("0.2"));
}

#[test]
fn a_price_of_tokens_alone_keeps_the_searches_and_fees_below_unless_it_has_its_own() {
    let below = r#"{"per":{"request":1,"audio_seconds":1},
      "providers":[{"id":"p","models":[{"id":"m","minimum":{"audio_seconds":10},
        "prices":[{"rates":{"input":"9","output":"9","web_search":"8","request":"0.5","audio_seconds":"1"}},
          {"from":"2026-12-01","rates":{"web_search":"6"}}]}]}]}"#;
    let over = |keeps: &str, more: &str| {
        let json = format!(
            r#"{{"providers":[{{"id":"p","models":[{{"id":"m",
              "prices":[{{"from":"2026-11-01","keep_rates":{keeps},"rates":{{"input":"1"{more}}}}}]}}]}}]}}"#
        );
        let imported = layer(LayerKind::Imported, &json);
        PriceBook::compose(&[layer(LayerKind::Embedded, below), imported]).unwrap()
    };
    let used = meters(&[(InputText, 1_000_000), (OutputText, 1_000_000), (WebSearch, 1_000)]);
    let at = |book: &PriceBook, at: &str| cost(book, ("p", "m"), at, &used);
    // Output is tokens: what the import leaves out of those has no price.
    let keeping = over("true", "");
    assert_eq!(at(&keeping, NOW), usd("9.5"));
    assert_eq!(at(&keeping, "2026-12-01T00:00:00Z"), usd("7"));
    assert_eq!(at(&keeping, "2026-10-31T23:59:59Z"), usd("26.5"));
    assert_eq!(at(&over("true", r#","web_search":"2","request":"0""#), NOW), usd("3"));
    assert_eq!(at(&over("false", ""), NOW), usd("1"));
    let spoken = meters(&[(AudioSeconds, 3)]);
    assert_eq!(cost(&keeping, ("p", "m"), NOW, &spoken), usd("10.5"));
    // An operator's price over both still says all of the model.
    let operator = layer(
        LayerKind::Operator,
        r#"{"providers":[{"id":"p","models":[{"id":"m","prices":[{"rates":{"input":"4"}}]}]}]}"#,
    );
    let layers: Vec<Layer> =
        keeping.layers().iter().map(|layer| (**layer).clone()).chain([operator]).collect();
    assert_eq!(at(&PriceBook::compose(&layers).unwrap(), NOW), usd("4"));
}

#[test]
fn every_line_says_from_which_layer_and_version_its_rate_comes() {
    let operator = layer(
        LayerKind::Operator,
        &gpt(r#""variants":[{"when":{"speed":"fast"},"rates":{"input":"1"}}]"#),
    );
    let book = with(std::slice::from_ref(&operator));
    let used = meters(&[(InputText, 10), (OutputText, 10)]);
    let (provider, model) = GPT;
    let context = PriceContext { speed: Some("fast"), ..PriceContext::NONE };
    let query = Query { provider, model, at: instant(NOW), context, meters: &used };
    let priced = book.price(&query).unwrap();
    let sources: Vec<_> = priced.lines().map(|line| line.source).collect();
    assert_eq!((sources[0].name.as_str(), sources[0].kind), ("operator.json", LayerKind::Operator));
    assert_eq!(sources[0].version, operator.version());
    assert_eq!((sources[1].name.as_str(), sources[1].kind), ("catalog.json", LayerKind::Embedded));
    assert!(sources[1].note.contains("genai-prices 0.2.3"), "{}", sources[1].note);
    assert_eq!(book.layers().len(), Layer::embedded().len() + 1);
}

#[test]
fn embeddings_of_another_maker_on_bedrock_have_the_price_the_additions_source_says() {
    let used = meters(&[(InputText, 1_000_000)]);
    for (model, expected) in [
        ("cohere.embed-v4:0", Some("0.12")),
        ("us.cohere.embed-v4:0", Some("0.12")),
        ("global.cohere.embed-v4:0", Some("0.12")),
        ("arn:aws:bedrock:us-east-1::foundation-model/cohere.embed-english-v3", Some("0.1")),
        ("cohere.embed-multilingual-v3", Some("0.1")),
        ("cohere.embed-v5:0", None),
    ] {
        let (provider, context) = ("aws", PriceContext::NONE);
        let query = Query { provider, model, at: instant(NOW), context, meters: &used };
        let priced = BOOK.price(&query);
        let cost = priced.as_ref().map(|priced| priced.cost);
        assert_eq!(cost, expected.map(|text| usd(text).unwrap()), "{model}");
        let source =
            priced.and_then(|priced| priced.lines().next().map(|line| line.source.name.clone()));
        assert_eq!(source.as_deref(), expected.map(|_| "additions.json"));
    }
    // A picture has a price of its own, which the source does not have.
    let pictures = meters(&[(events::Meter::InputImage, 1)]);
    let embed = ("aws", "cohere.embed-v4:0");
    assert_eq!(in_context(&BOOK, embed, PriceContext::NONE, &pictures), None);
}

#[test]
fn computing_in_a_region_costs_what_the_vendor_adds_and_only_where_it_adds_it() {
    let used = meters(&[(InputText, 100_000), (CacheReadText, 100_000), (WebSearch, 3)]);
    let geo = |geo| PriceContext { inference_geo: Some(geo), ..PriceContext::NONE };
    for (model, context, expected) in [
        (OPUS, PriceContext::NONE, "0.58"),
        (OPUS, geo("global"), "0.58"),
        // 1.1 times the tokens; searches are no tokens.
        (OPUS, geo("us"), "0.635"),
        (("anthropic", "claude-opus-4-5"), geo("us"), "0.58"),
        (("openai", "gpt-5.4"), geo("eu"), "0.3325"),
        (("openai", "gpt-4.1"), geo("eu"), "0.28"),
        // Who resells it does not resell the vendor's terms.
        (("azure", "gpt-5.5"), geo("eu"), "0.58"),
    ] {
        let priced = in_context(&BOOK, model, context, &used).map(|(_, cost)| cost);
        assert_eq!(priced, usd(expected), "{model:?} {context:?}");
    }
    let query = |context| Query {
        provider: OPUS.0,
        model: OPUS.1,
        at: instant(NOW),
        context,
        meters: &used,
    };
    let (plain, regional) = (query(PriceContext::NONE), query(geo("us")));
    let (plain, regional) = (BOOK.price(&plain).unwrap(), BOOK.price(&regional).unwrap());
    assert_ne!(plain.rate_set, regional.rate_set);
    assert_eq!(regional.list, regional.cost);
    let factors: Vec<_> = regional.factors().collect();
    assert_eq!(factors.len(), 1);
    assert_eq!(
        (factors[0].factor.to_string().as_str(), &*factors[0].when),
        ("1.1", "inference_geo = us")
    );
    assert_eq!(factors[0].source.name, "regional.json");
    assert!(factors[0].note.contains("platform.claude.com"));
    assert_eq!(plain.factors().count(), 0);
    let sum: i128 = regional.lines().map(|line| line.amount_atto).sum();
    assert_eq!(sum, regional.cost.pico() * 1_000_000);
}

#[test]
fn a_contract_is_told_beside_the_list_price_in_one_pass() {
    let contract = r#"{"source":"annex 2","multipliers":[
        {"provider":"anthropic","factor":"0.9","from":"2026-01-01","to":"2027-01-01"},
        {"provider":"anthropic","models":{"contains":"opus"},"factor":"0.8"},
        {"factor":"0.5","keys":["web_search"],"when":{"processing":"batch"}}]}"#;
    let contract = layer(LayerKind::Contract, contract);
    let discounted = with(std::slice::from_ref(&contract));
    let used = meters(&[(InputText, 100_000), (WebSearch, 10)]);
    let priced = |model, context| in_context(&discounted, model, context, &used);
    // Of factors for the same requests the last counts; they do not add up.
    assert_eq!(priced(OPUS, PriceContext::NONE), usd("0.6").zip(usd("0.48")));
    let sonnet = ("anthropic", "claude-sonnet-4-5");
    assert_eq!(priced(sonnet, PriceContext::NONE), usd("0.4").zip(usd("0.36")));
    let geo = PriceContext { inference_geo: Some("us"), ..PriceContext::NONE };
    // A vendor's uplift is in the list price, and the discount multiplies it.
    assert_eq!(priced(OPUS, geo), usd("0.65").zip(usd("0.52")));
    assert_eq!(priced(GPT, PriceContext::NONE), usd("0.35").zip(usd("0.35")));
    let batch = PriceContext { processing: Some("batch"), ..PriceContext::NONE };
    assert_eq!(priced(GPT, batch), usd("0.225").zip(usd("0.175")));
    let negotiated = with(&[contract, layer(LayerKind::Contract, &input("1"))]);
    let used = million();
    assert_eq!(
        in_context(&negotiated, GPT, PriceContext::NONE, &used),
        usd("0.25").zip(usd("0.1"))
    );
}

#[test]
fn two_catalogs_that_know_the_same_uplift_do_not_make_it_double() {
    let same = |factor: &str| {
        format!(
            r#"{{"multipliers":[{{"provider":"anthropic","keys":["tokens"],"when":{{"inference_geo":"us"}},"factor":"{factor}"}}]}}"#
        )
    };
    let geo = PriceContext { inference_geo: Some("us"), ..PriceContext::NONE };
    for (factor, expected) in [("1.1", "0.55"), ("1.2", "0.6")] {
        let book = with(&[layer(LayerKind::Imported, &same(factor))]);
        let priced = in_context(&book, OPUS, geo, &million()).map(|(_, cost)| cost);
        assert_eq!(priced, usd(expected), "{factor}");
    }
}

#[test]
fn an_own_machine_is_paid_by_the_hour_and_shared_by_those_it_serves() {
    let json = r#"{"providers":[{"id":"our-gpus","models":[
        {"id":"llama","gpus":8,"concurrency":4,"prices":[{"rates":{"gpu_hour":"2.25"}}]},
        {"id":"mixed","prices":[{"rates":{"gpu_hour":"3.6","output":"1"}}]},
        {"id":"by-token","prices":[{"rates":{"input":"0.1","output":"0.1"}}]}]}]}"#;
    let book = BOOK.clone().with_overlay(json, "prices.json").unwrap();
    let used = meters(&[(InputText, 1_000), (OutputText, 1_000_000)]);
    let priced = |model, duration_us, used: &Meters| {
        let context = PriceContext { duration_us, ..PriceContext::NONE };
        in_context(&book, ("our-gpus", model), context, used).map(|(_, cost)| cost)
    };
    assert_eq!(priced("llama", Some(3_600_000_000), &used), usd("4.5"));
    assert_eq!(priced("llama", Some(1), &used), usd("0.00000000125"));
    assert_eq!(priced("mixed", Some(1_000_000), &used), usd("1.001"));
    assert_eq!(priced("by-token", Some(1_000_000), &used), usd("0.1001"));
    // Without the time the cost is unknown, not that of the rest.
    assert_eq!(priced("llama", None, &used), None);
    assert_eq!(priced("mixed", None, &used), None);
    assert_eq!(priced("llama", None, &Meters::NONE), usd("0"));
    assert!(book.is_priced("our-gpus", "llama", instant(NOW)));
    let context = PriceContext { duration_us: Some(7), ..PriceContext::NONE };
    let query =
        Query { provider: "our-gpus", model: "llama", at: instant(NOW), context, meters: &used };
    let priced = book.price(&query).unwrap();
    let line = priced.lines().next().unwrap();
    assert_eq!(
        (line.meter.as_str(), line.quantity, priced.unpriced().count()),
        ("duration_us", 7, 0)
    );
}

#[test]
fn the_life_of_a_model_is_told_by_the_highest_layer_that_knows_it() {
    let json = gpt(r#""retires":"2027-03-05","replacement":"gpt-6.1-sol""#);
    let book = BOOK.clone().with_overlay(&json, "prices.json").unwrap();
    let life = book.life("openai", "gpt-5.4-2026-03-05").unwrap();
    assert_eq!(life.retires, Some(instant("2027-03-05T00:00:00Z")));
    assert_eq!(life.replacement.as_deref(), Some("gpt-6.1-sol"));
    assert_eq!(cost(&book, GPT, NOW, &million()), usd("0.25"));
    assert_eq!(BOOK.life("openai", "gpt-5.4"), Some(&pricing::ModelLife::default()));
    assert_eq!(BOOK.life("openai", "no-such-model"), None);
}

#[test]
fn a_model_lists_every_price_it_has_with_its_layer_and_time() {
    let dated = gpt(r#""prices":[{"from":"2026-11-01","rates":{"input":"1"},
        "tiers":[{"at_least":200000,"rates":{"input":"2"}}]}]"#);
    let book = with(&[layer(LayerKind::Imported, &dated)]);
    let model = book.model("openai", "gpt-5.4-2026-03-05").unwrap();
    assert_eq!((model.provider_id(), model.id()), GPT);
    assert_eq!(model.layers().collect::<Vec<_>>(), [LayerKind::Imported, LayerKind::Embedded]);
    let sheets = model.sheets();
    let first = &sheets[0];
    assert_eq!(
        (first.kind, first.from),
        (LayerKind::Imported, Some(instant("2026-11-01T00:00:00Z")))
    );
    assert_eq!((first.tiers[0].above, first.rates.len(), first.to), (199_999, 1, None));
    assert!(sheets.iter().any(|sheet| sheet.when == "service_tier = flex"));
    let rates = model.rates_at(instant(NOW), &PriceContext::NONE, 200_000);
    assert_eq!((rates.len(), rates[0].factor), (1, Factor::ONE));
    assert_eq!(rates[0].rate.to_string(), "2.00 USD per 1000000");
    assert!(book.models().count() > 2_300 && book.provider_ids().count() >= 47);
}

/// Files of every kind about few models, so that they meet.
fn some_layer() -> impl Strategy<Value = Layer> {
    let kinds = prop_oneof![
        Just(LayerKind::Imported),
        Just(LayerKind::Operator),
        Just(LayerKind::Contract)
    ];
    (kinds, 1_u32..50, 0_usize..3, proptest::bool::ANY, proptest::option::of(1_u32..28)).prop_map(
        |(kind, cents, model, is_factor, day)| {
            let id = ["gpt-5.4", "gpt-4.1", "new-model"][model];
            let from = day.map(|day| format!(r#""from":"2026-11-{day:02}","#)).unwrap_or_default();
            let json = if is_factor {
                format!(r#"{{"multipliers":[{{{from}"provider":"openai","models":{{"equals":"{id}"}},"factor":"0.{cents:02}"}}]}}"#)
            } else {
                format!(r#"{{"providers":[{{"id":"openai","models":[{{"id":"{id}","prices":[{{{from}"rates":{{"input":"{cents}"}}}}]}}]}}]}}"#)
            };
            Layer { kind, name: format!("{kind} {id} {is_factor}"), json }
        },
    )
}

/// Everything the small book below can be asked for.
fn answers(book: &PriceBook) -> Vec<Option<(Usd, Usd)>> {
    let used = million();
    let days = (1..29).map(|day| instant(&format!("2026-11-{day:02}T00:00:00Z")));
    let ask = |at: UnixMicros, model| {
        let query =
            Query { provider: "openai", model, at, context: PriceContext::NONE, meters: &used };
        book.price(&query).map(|priced| (priced.list, priced.cost))
    };
    days.flat_map(|at| ["gpt-5.4", "gpt-4.1", "new-model"].map(|model| ask(at, model))).collect()
}

const SMALL: &str = r#"{"providers":[{"id":"openai","models":[
    {"id":"gpt-5.4","prices":[{"rates":{"input":"7"}}]},{"id":"gpt-4.1","prices":[{"rates":{"input":"5"}}]}]}]}"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_order_of_layers_of_different_kinds_never_matters(
        layers in proptest::collection::vec(some_layer(), 0..6), seed in any::<u64>(),
    ) {
        let mut layers = layers;
        layers.push(layer(LayerKind::Embedded, SMALL));
        let book = PriceBook::compose(&layers).unwrap();
        // Any order that keeps those of one kind as they were given.
        let mut queues: Vec<Vec<Layer>> = LayerKind::ALL
            .map(|kind| layers.iter().rev().filter(|layer| layer.kind == kind).cloned().collect())
            .into();
        let (mut shuffled, mut random) = (Vec::new(), seed);
        while shuffled.len() < layers.len() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let chosen = (random >> 33) as usize % queues.len();
            shuffled.extend(queues[chosen].pop());
        }
        let other = PriceBook::compose(&shuffled).unwrap();
        prop_assert_eq!(book.version(), other.version());
        prop_assert_eq!(answers(&book), answers(&other));
    }

    #[test]
    fn a_hash_names_exactly_one_set_of_prices(
        a in proptest::collection::vec(some_layer(), 0..3), b in proptest::collection::vec(some_layer(), 0..3),
    ) {
        let book = |mut layers: Vec<Layer>| {
            layers.push(layer(LayerKind::Embedded, SMALL));
            PriceBook::compose(&layers).unwrap()
        };
        let (a, b) = (book(a), book(b));
        if answers(&a) != answers(&b) {
            prop_assert_ne!(a.version(), b.version());
        }
        if a.version() == b.version() {
            prop_assert_eq!(answers(&a), answers(&b));
        }
    }
}
