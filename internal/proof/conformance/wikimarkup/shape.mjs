// The shape of a document in Atlassian's format: what must survive, written so
// that two documents which read the same have the same shape.

// References are text to this parser; Jira leaves them to the browser.
const decode = (s) => s.replace(/&#(\d+);|&amp;/g, (_, n) => (n ? String.fromCodePoint(Number(n)) : '&'));

const visible = (s) => s.replace(/[\s\u200b]/gu, '');

export const letters = (s) => s.replace(/[^\p{L}]/gu, '');

// shapeOf gives blocks, text, text by mark and text by link. Parsed documents
// have their references decoded.
export function shapeOf(doc, parsed) {
  const shape = { blocks: [], text: '', marks: {}, links: {} };
  const walk = (nodes, place) => blocks(merged(nodes ?? [], place), place);

  function blocks(nodes, place) {
    for (const n of nodes) {
      switch (n.type) {
        case 'paragraph':
          if (isEmpty(n) && place !== '') break; // how editors fill a cell or an item
          shape.blocks.push('p');
          inline(n.content, place);
          break;
        case 'heading':
          shape.blocks.push('h' + n.attrs.level);
          inline(n.content, place);
          break;
        case 'codeBlock': {
          shape.blocks.push('code');
          const text = (n.content ?? []).map((c) => c.text).join('');
          shape.text += visible(text);
          break;
        }
        case 'rule':
          shape.blocks.push('rule');
          break;
        case 'taskList':
          nested('bulletList', () => tasks(n.content, place));
          break;
        case 'table':
          nested(n.type, () => walk(expanded(n.content), place));
          break;
        case 'tableHeader':
        case 'tableCell':
        case 'listItem':
          nested(n.type, () => walk(n.content, n.type));
          break;
        default:
          nested(n.type, () => walk(n.content, place === 'blockquote' || n.type === 'blockquote' ? 'blockquote' : place));
      }
    }
  }

  // Wiki markup has no tasks: they are items that begin with a sign, and tasks
  // below one are a list inside it.
  function tasks(nodes, place) {
    for (let i = 0; i < nodes.length; i++) {
      nested('listItem', () => {
        shape.blocks.push('p');
        shape.text += nodes[i].attrs.state === 'DONE' ? '☑' : '☐';
        inline(nodes[i].content, place);
        while (nodes[i + 1]?.type === 'taskList') blocks([nodes[++i]], place);
      });
    }
  }

  function nested(name, content) {
    shape.blocks.push(name + '(');
    content();
    shape.blocks.push(')');
  }

  function inline(nodes, place) {
    for (const n of nodes ?? []) {
      if (n.type === 'hardBreak') {
        shape.blocks.push('br');
        continue;
      }
      if (n.type !== 'text') {
        shape.blocks.push(n.type); // a mention, an emoji, a card: never ours
        continue;
      }
      const text = visible(parsed ? decode(n.text) : n.text);
      shape.text += text;
      const marks = n.marks ?? [];
      const code = marks.some((m) => m.type === 'code');
      for (const m of marks) {
        if (m.type === 'link') {
          if (!code) shape.links[address(m.attrs.href)] = (shape.links[address(m.attrs.href)] ?? '') + text;
        } else if (!(m.type === 'strong' && place === 'tableHeader') && !(code && m.type !== 'code')) {
          shape.marks[m.type] = (shape.marks[m.type] ?? '') + text;
        }
      }
    }
  }

  walk(doc.content?.length === 1 && isEmpty(doc.content[0]) ? [] : doc.content, '');
  for (const m of Object.keys(shape.marks)) if (!shape.marks[m]) delete shape.marks[m];
  shape.blocks = shape.blocks.join(' ');
  return shape;
}

const isEmpty = (n) => n.type === 'paragraph' && (n.content ?? []).every((c) => c.type === 'text' && visible(c.text) === '');

// expanded puts empty cells where a cell covers more than one place: wiki
// markup has no spans.
function expanded(rows) {
  const covered = []; // per column: rows still to cover, and by what
  return rows.map((row) => {
    const content = [];
    const fill = () => {
      while (covered[content.length]?.rows > 0) {
        const c = covered[content.length];
        c.rows--;
        content.push({ type: c.type, content: [] });
      }
    };
    for (const cell of row.content) {
      fill();
      const { colspan = 1, rowspan = 1 } = cell.attrs ?? {};
      for (let i = 0; i < colspan; i++) {
        covered[content.length] = { rows: rowspan - 1, type: cell.type };
        content.push(i === 0 ? cell : { type: cell.type, content: [] });
      }
    }
    fill();
    return { ...row, content };
  });
}

// merged joins paragraphs that follow each other in an item or a cell: wiki
// markup has only line ends there.
function merged(nodes, place) {
  if (place !== 'listItem' && place !== 'tableCell' && place !== 'tableHeader') return nodes;
  const out = [];
  for (const n of nodes) {
    const last = out.at(-1);
    if (isEmpty(n)) continue;
    if (n.type === 'paragraph' && last?.type === 'paragraph') {
      last.content = [...last.content, { type: 'hardBreak' }, ...n.content];
    } else {
      out.push(n.type === 'paragraph' ? { ...n, content: [...n.content] } : n);
    }
  }
  return out;
}

// address undoes percent-encoding, which the dialects use differently.
function address(href) {
  return href.replace(/(?:%[0-9A-Fa-f]{2})+/g, (encoded) => {
    try {
      return decodeURIComponent(encoded);
    } catch {
      return encoded; // half a character
    }
  }).replace(/\/$/, '');
}

// differences names what of want is not in got. When flattened only the words
// are compared.
export function differences(want, got, flattened) {
  const out = [];
  const compare = (what, a, b) => {
    if (a === b) return;
    let i = 0;
    while (a[i] === b[i]) i++;
    const around = (s) => s.slice(Math.max(0, i - 40), i + 60);
    out.push(`${what} at ${i}\n    want ${around(a)}\n    got  ${around(b)}`);
  };
  if (flattened) {
    compare('words', letters(want.text), letters(got.text));
  } else {
    compare('blocks', want.blocks, got.blocks);
    compare('text', want.text, got.text);
    for (const m of new Set([...Object.keys(want.marks), ...Object.keys(got.marks)])) {
      compare(m, want.marks[m] ?? '', got.marks[m] ?? '');
    }
  }
  for (const [href, text] of Object.entries(want.links)) compare('link to ' + href, text, got.links[href] ?? '');
  for (const [href, text] of Object.entries(got.links)) {
    if (!(href in want.links)) compare('a link nobody made, to ' + href, href, text); // only what is its own address
  }
  return out;
}
