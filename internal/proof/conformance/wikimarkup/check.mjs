// Every golden document's wiki markup, read by Atlassian's own parser, must be
// the document that our ADF describes: same blocks, text, marks and links.
import { readFileSync, readdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { createRequire } from 'node:module';
import { differences, shapeOf } from './shape.mjs';

const { WikiMarkupTransformer } = createRequire(import.meta.url)('@atlaskit/editor-wikimarkup-transformer');
const golden = new URL('../../../richtext/testdata/', import.meta.url);
const more = process.argv[2] && pathToFileURL(process.argv[2] + '/'); // further documents, see wiki_oracle_test.go

// Documents of which wiki markup, or this parser, cannot show the structure.
// Their words must survive all the same.
const flattened = {
  heading_tricks: 'no line break in a heading',
  list_blocks: 'this parser has no quotes in items',
  list_heading: 'this parser drops items without text',
  list_in_quote_in_list: 'this parser has no quotes in items',
  list_sloppy: 'text after a nested list becomes an item',
  quote_nested: 'this parser colours headings in quotes',
};

const read = (dir, name) => readFileSync(new URL(name, dir), 'utf8').replace(/\n$/, '');
const parse = (wiki) => shapeOf(new WikiMarkupTransformer().parse(wiki).toJSON(), true);
const check = (dir, name, wiki) =>
  differences(shapeOf(JSON.parse(read(dir, name + '.adf.json')), false), parse(wiki), dir === golden && name in flattened);
const list = (dir) => readdirSync(dir).filter((f) => f.endsWith('.wiki')).map((f) => f.slice(0, -'.wiki'.length));

const names = list(golden);
let failed = 0;
if (names.length < 40) {
  console.error(`wikimarkup: only ${names.length} golden documents`);
  failed++;
}
function checkAll(dir, names) {
  for (const name of names) {
    const found = check(dir, name, read(dir, name + '.wiki'));
    if (found.length > 0) {
      failed++;
      console.error(`wikimarkup: ${name}\n  ${found.join('\n  ')}`);
    }
  }
  return names.length;
}
checkAll(golden, names);
const others = more ? checkAll(more, list(more)) : 0;
for (const name of Object.keys(flattened)) {
  if (!names.includes(name)) {
    failed++;
    console.error(`wikimarkup: ${name} is excused and does not exist`);
  }
}

// The check can fail: markup without its escapes is another document.
for (const name of ['looks_like_textile', 'looks_like_markdown']) {
  if (check(golden, name, read(golden, name + '.wiki').replaceAll('\\', '')).length === 0) {
    failed++;
    console.error(`wikimarkup: ${name} without escapes went through`);
  }
}
console.log(`wikimarkup: ${names.length} golden documents, ${Object.keys(flattened).length} of them by words only, ${others} random ones; ${failed} failures`);
process.exit(failed > 0 ? 1 : 0);
