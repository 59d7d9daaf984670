"""Every page in both colours and on a narrow screen: nothing for axe-core to find or cut off."""

from playwright.sync_api import expect

from console_visit import until

FILLED_WITHIN_S = 90

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}

FIND = """async () => {
  const found = await axe.run({ resultTypes: ["violations"] });
  return found.violations.map((rule) =>
    `${rule.id}: ${rule.help}: ${rule.nodes.slice(0, 3).map((node) => node.html).join(" ")}`);
}"""

# What reaches beyond the screen, but for what scrolls by itself.
CUT_OFF = """() => document.documentElement.scrollWidth <= innerWidth ? [] :
  [...document.querySelectorAll("main *, header *, footer *")]
    .filter((one) => one.getBoundingClientRect().right > innerWidth && !one.closest(".scroll"))
    .map((one) => one.outerHTML.slice(0, 120))"""

# Pages by their address, and those a link of another page leads to.
PAGES = [
    "/",
    "/statements",
    "/explore",
    "/explore?range=30d&grain=week&by=team&by=model&compare=1",
    "/explore?range=today&f=team&op=is&v=nobody",
    "/explore?metric=mystery",
    "/requests",
    "/keys",
    "/keys/new",
    "/budgets",
    "/prices",
    "/prices?provider=openai&model=mini",
    "/prices/what-if",
    "/prices/what-if?range=30d&as=anthropic/claude-haiku-5-5&as=gpt-6-luna&as=x-ai/grok-4.3",
    "/prices/what-if?range=today&f=team&op=is&v=nobody&processing=batch",
    "/prices/retiring",
    "/prices/drift",
    "/prices/drift?range=dates&from=2001-01-01&to=2001-01-02",
    "/alerts",
    "/docs",
    "/nowhere",
]
LED_TO = [
    ("/statements", "main a[href^='/statements/team/']"),
    ("/requests", "table.requests th a"),
    ("/keys", "table.keys th a"),
    ("/budgets", "table.budgets th a"),
    ("/alerts", "table.incidents th a"),
    ("/alerts", "table.incidents tr:has-text('Reported cost differs') th a"),
]


def pages(page):
    """The addresses of all pages."""
    found = list(PAGES)
    for start, link in LED_TO:
        page.goto(start)
        links = page.locator(link)
        until(page, f"a link on {start}", links.count, FILLED_WITHIN_S)
        found.append(links.first.get_attribute("href"))
    return found


def problems_of(page, path, axe):
    page.set_viewport_size(WIDE)
    page.emulate_media(color_scheme="light")
    page.goto(path)
    expect(page.get_by_role("contentinfo")).to_be_visible()
    page.evaluate(axe)
    for scheme, size in [("light", WIDE), ("dark", WIDE), ("dark", NARROW)]:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        seen = page.evaluate(FIND) + page.evaluate(CUT_OFF)
        yield from (f"{path}, {scheme}, {size['width']} px: {problem}" for problem in seen)


def all_of(visitor, axe_path):
    with open(axe_path, encoding="utf-8") as file:
        axe = file.read()
    page = visitor.window()
    problems = [problem for path in pages(page) for problem in problems_of(page, path, axe)]
    assert not problems, "\n".join(problems)
    # Pages that tell of a mistake have an error's status, which chromium complains of.
    told = [one for one in visitor.complaints if "the server responded with a status of 40" in one]
    assert len(told) == 2, told
    visitor.complaints = [one for one in visitor.complaints if one not in told]
    page.context.close()
