"""Tells one story of the console in a browser; fails with the reason when it does not go well.

Arguments: the story, a login link, and what that story needs. Whatever the story, no request may
leave the console, and no page may complain or breach its content policy.
"""

import json
import sys

from playwright.sync_api import sync_playwright

import console_figures
import console_looks
import console_tasks
from console_visit import Visitor, launch

STORIES = {
    "tasks": console_tasks.all_of,
    "looks": console_looks.all_of,
    "month": console_figures.month,
    "hostile": lambda visitor, given: console_figures.hostile(visitor, json.loads(given)),
}


def main(story, link, *given):
    with sync_playwright() as playwright:
        browser = launch(playwright)
        visitor = Visitor(browser, link)
        told = STORIES[story](visitor, *given)
        visitor.is_content()
        browser.close()
    print(json.dumps(told))


main(*sys.argv[1:])
