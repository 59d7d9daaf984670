"""What every story in a browser has: chromium, a login, and an eye on what pages do unasked."""

import shutil
import time
from decimal import Decimal
from urllib.parse import urlsplit

from playwright.sync_api import expect

PATIENCE_MS = 30_000

# A breach of the content policy is told on the console, where all complaints are collected.
TELL_BREACHES = """
addEventListener("securitypolicyviolation", (breach) =>
  console.error(`policy: ${breach.violatedDirective} ${breach.blockedURI}`));
"""


def launch(playwright):
    """Debian's chromium, as `root` in a container runs it."""
    expect.set_options(timeout=PATIENCE_MS)
    program = shutil.which("chromium")
    assert program, "chromium is missing: `cargo xtask test` installs what the tests need"
    return playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])


class Visitor:
    """Somebody who has used a login link, in any number of windows."""

    def __init__(self, browser, link):
        self.browser = browser
        self.console = "http://" + urlsplit(link).netloc
        self.session = None
        self.complaints = []
        page = self.window()
        page.goto(link)
        page.get_by_role("main").get_by_role("button").click()
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        self.session = page.context.storage_state()
        page.context.close()

    def window(self, **options):
        """A new window with its own settings and the same session."""
        context = self.browser.new_context(
            base_url=self.console, storage_state=self.session, **options
        )
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(TELL_BREACHES)
        context.on("request", self.heard_request)
        context.on("console", self.heard_console)
        context.on("weberror", lambda error: self.complain(error.page, f"error: {error.error}"))
        context.on("dialog", self.heard_dialog)
        return context.new_page()

    def complain(self, page, words):
        self.complaints.append(f"{page.url if page else '?'}: {words}")

    def heard_request(self, request):
        url = urlsplit(request.url)
        is_own = f"{url.scheme}://{url.netloc}" == self.console
        if not is_own and url.scheme not in ("data", "blob"):
            self.complaints.append(f"a request left the console: {request.url}")

    def heard_console(self, message):
        if message.type in ("error", "warning"):
            self.complain(message.page, f"{message.type}: {message.text}")

    def heard_dialog(self, dialog):
        self.complain(dialog.page, f"dialog: {dialog.message}")
        dialog.dismiss()

    def is_content(self):
        """Fails when any page did what it should not."""
        assert not self.complaints, "\n".join(self.complaints)


def amounts(locator):
    """The exact amounts of some elements, none of which has gone through a float."""
    values = locator.evaluate_all("all => all.map(data => data.getAttribute('value'))")
    return [Decimal(value) for value in values]


def until(page, what, look, seconds):
    """Reloads a page until there is something to see."""
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s on {page.url}"
        page.wait_for_timeout(500)
        page.reload()


def downloaded(page, link, directory):
    """The path of the file a link downloads."""
    with page.expect_download() as waiting:
        link.click()
    path = f"{directory}/{waiting.value.suggested_filename}"
    waiting.value.save_as(path)
    return path
