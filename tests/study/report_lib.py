"""Reads a report as a strict reader does: every element closed, nothing fetched from elsewhere."""
import html.parser
import re

VOID = {"meta", "img", "br", "input", "hr", "link", "col"}


class Reader(html.parser.HTMLParser):
    """Sections by their anchor, with their text and the number of each element in them; anything wrong goes to problems."""

    def __init__(self):
        super().__init__()
        self.open, self.problems, self.sections, self.current = [], [], {}, None
        self.ids, self.links = set(), []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        for name in ("src", "href", "srcset", "data", "action", "poster", "xlink:href"):
            value = attributes.get(name)
            if value and name == "href" and value.startswith("#"):
                self.links.append(value[1:])
            elif value and not value.startswith("data:"):
                self.problems.append(f"<{tag} {name}={value[:60]}> is fetched")
        if tag in ("script", "link", "iframe", "object", "embed", "base"):
            self.problems.append(f"<{tag}>")
        if "id" in attributes:
            self.ids.add(attributes["id"])
        if tag == "section":
            self.current = self.sections[attributes["id"]] = {"text": "", "tags": {}}
        if self.current is not None:
            self.current["tags"][tag] = self.current["tags"].get(tag, 0) + 1
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        # cells and rows may be left open in HTML, and the reader of this project does not do so
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> at line {self.getpos()[0]} closes nothing")
        if tag == "section":
            self.current = None

    def handle_data(self, data):
        if self.current is not None:
            self.current["text"] += data


def read(path):
    """Sections of a report that is well-formed and stands alone; an AssertionError that says why, where it is not."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert not reader.open and not reader.problems, (reader.open[-3:], reader.problems[:5])
    assert not set(reader.links) - reader.ids, set(reader.links) - reader.ids
    plain = re.sub(r'xmlns="http://www.w3.org/2000/svg"', "", text)
    assert not re.search(r"url\(\s*['\"]?(?!data:|#)|@import|https?://", re.sub(r"<pre>.*?</pre>", "", plain, flags=re.S)), "something outside is named"
    assert "nan" not in re.findall(r"[\w.]+", re.sub(r"base64,[^\"]*", "", plain)), "a number that is none"
    return reader.sections
