/**
 * The documents as a site: one page each, at the path of its document (docs/cli.md is docs/cli.html, README.md index.html), and a page
 * of all headings, for the browser's own search. No script, and nothing from elsewhere: the strictest Content-Security-Policy
 * holds, and the site can be read from a disk.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { Marked } from 'marked';
import { getHeadingList, gfmHeadingId } from 'marked-gfm-heading-id';

const policy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'";
const style = 'site.css';
const headings = 'headings.html';

const escaped = (text) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
const plain = (html) => html.replace(/<[^>]*>/g, '');

/** Where the page of a document lies in the site. */
function pageOf(document) {
  return document === 'README.md' ? 'index.html' : document.replace(/\.md$/, '.html');
}

/** A link from one page to another. */
function link(from, to, text, more = '') {
  const href = posix.relative(posix.dirname(from), to);
  return `<a href="${escaped(href)}"${more}>${text}</a>`;
}

/** The rows of README's table of documents: `{ title, entries: [{ text, document }] }`. */
function groupsOf(readme) {
  const tokens = new Marked().lexer(readme);
  const from = tokens.findIndex(({ type, text }) => type === 'heading' && text === 'Documents');
  const table = tokens.slice(from).find(({ type }) => type === 'table');
  if (from < 0 || table === undefined) throw new Error('README.md has no table of documents');
  return table.rows.map(([title, cell]) => ({
    title: title.text,
    entries: cell.tokens
      .filter(({ type }) => type === 'link')
      .map(({ text, href }) => ({ text, document: href })),
  }));
}

/**
 * Renders one document. `files` takes the paths of what it shows or leads to and is no page.
 *
 * @throws Error where a link leads to a file that is not there
 */
function render(root, document, documents, files) {
  const marked = new Marked(gfmHeadingId(), {
    renderer: {
      // Comments are for those who write; other HTML is not used in the documents, so it is meant as text.
      html: ({ text }) => (text.trimStart().startsWith('<!--') ? '' : escaped(text)),
    },
    walkTokens(token) {
      if ((token.type !== 'link' && token.type !== 'image') || /^([a-z][a-z+.-]*:|#)/i.test(token.href))
        return;
      const [path, anchor] = token.href.split('#');
      const target = posix.join(posix.dirname(document), path);
      if (target.startsWith('../') || !existsSync(join(root, target)))
        throw new Error(`${document} leads to ${token.href}, which is not there`);
      const isPage = documents.includes(target);
      if (!isPage) files.add(target);
      const to = posix.relative(posix.dirname(document), isPage ? pageOf(target) : target);
      token.href = anchor === undefined ? to : `${to}#${anchor}`;
    },
  });
  const html = marked
    .parse(readFileSync(join(root, document), 'utf8'))
    .replaceAll('<table>', '<div class="wide"><table>')
    .replaceAll('</table>', '</table></div>');
  const list = getHeadingList().map(({ level, id, text }) => ({ level, id, text: plain(text) }));
  return { html, headings: list, title: list[0]?.text ?? document };
}

/** The frame that all pages have: documents on the left, the text, its headings on the right. */
function frame({ path, title, groups, html, beside = '' }) {
  const here = (page) => (page === path ? ' aria-current="page"' : '');
  const up = '../'.repeat(path.split('/').length - 1);
  const items = groups.map(
    ({ title, entries }) =>
      `<li><span>${escaped(title)}</span><ul>${entries
        .map(({ text, document }) => pageOf(document))
        .map((page, i) => `<li>${link(path, page, escaped(entries[i].text), here(page))}</li>`)
        .join('')}</ul></li>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${path === 'index.html' ? title : `${title} · evio`}</title>
<link rel="stylesheet" href="${up}${style}">
</head>
<body>
<a class="skip" href="#the-text">To the text</a>
<nav aria-label="Documents">
<p>${link(path, 'index.html', 'evio', here('index.html'))}</p>
<ul>
${items.join('\n')}
<li>${link(path, headings, 'all headings', here(headings))}</li>
</ul>
</nav>
<main id="the-text">
${html}</main>
${beside}</body>
</html>
`;
}

function contentsOf(list) {
  const shown = list.filter(({ level }) => level === 2 || level === 3);
  if (shown.length < 2) return '';
  const items = shown.map(({ level, id, text }) => `<li class="h${level}"><a href="#${id}">${text}</a></li>`);
  return `<aside aria-label="On this page">\n<ul>\n${items.join('\n')}\n</ul>\n</aside>\n`;
}

/**
 * The whole site of the repository at `root`: `pages`, their texts by path, and `files`, paths in the repository of what is to be copied
 * to the same path.
 *
 * @throws Error where a link leads to a file that is not there, or README.md does not lead to a document
 */
export function sitePages(root) {
  const groups = groupsOf(readFileSync(join(root, 'README.md'), 'utf8'));
  const documents = [
    'README.md',
    ...groups.flatMap(({ entries }) => entries.map(({ document }) => document)),
  ];
  const unnamed = readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md') && !documents.includes(`docs/${name}`))
    .map((name) => `docs/${name}`);
  if (unnamed.length > 0) throw new Error(`README.md's table of documents lacks ${unnamed.join(', ')}`);
  const files = new Set();
  const rendered = documents.map((document) => ({
    path: pageOf(document),
    ...render(root, document, documents, files),
  }));
  const all = rendered.map(
    (page) =>
      `<li>${link(headings, page.path, page.title)}<ul>${page.headings
        .filter(({ level }) => level > 1)
        .map(({ id, text }) => `<li>${link(headings, `${page.path}#${id}`, text)}</li>`)
        .join('\n')}</ul></li>`,
  );
  const index = `<h1>All headings</h1>\n<p>Search this page by your browser.</p>\n<ul>${all.join('\n')}</ul>\n`;
  const pages = rendered.map((page) => [
    page.path,
    frame({ ...page, groups, beside: contentsOf(page.headings) }),
  ]);
  pages.push([headings, frame({ path: headings, title: 'All headings', groups, html: index })]);
  pages.push([style, readFileSync(new URL(style, import.meta.url), 'utf8')]);
  return { pages: new Map(pages), files: [...files] };
}
