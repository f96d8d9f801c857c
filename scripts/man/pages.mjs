/** Manual pages out of oclif.manifest.json, which is what --help is made of. Pure: manifest in, pages out. */

/** Text as roff takes it: no line is a request, no backslash an escape, no character outside ASCII. */
const roff = (text) =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1')
    .replace(
      /[^\0-\x7f]/gu,
      (sign) => `\\[u${sign.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}]`,
    );

/** oclif's placeholders. */
const filled = (text, id) =>
  text.replaceAll(/<%= config\.bin %>/g, 'evio').replaceAll(/<%= command\.id %>/g, id.replaceAll(':', ' '));

/** What files in packages are dated, unless the builder says otherwise; a page without a date is none. */
const date = '2026-01-01';

const header = (name, version) => `.TH ${name.toUpperCase()} 1 ${date} "evio ${version}" "evio"\n`;

function flagPart({ name, char, type, description = '', helpValue = name.toUpperCase(), options }) {
  const value = type === 'option' ? ` \\fI${roff(options ? options.join('|') : String(helpValue))}\\fR` : '';
  return `.TP\n\\fB${char ? `\\-${char}\\fR, \\fB` : ''}\\-\\-${roff(name)}\\fR${value}\n${roff(description)}\n`;
}

function commandPage({ id, summary = '', description = '', args = {}, flags = {}, examples = [] }, version) {
  const name = `evio-${id.replaceAll(':', '-')}`;
  const words = Object.values(args).map(({ name, required }) =>
    required ? name.toUpperCase() : `[${name.toUpperCase()}]`,
  );
  const shown = examples.map((example) => `.nf\n${roff(filled(String(example), id))}\n.fi\n`);
  return [
    header(name, version),
    `.SH NAME\n${roff(`${name} - ${summary}`)}\n`,
    `.SH SYNOPSIS\n\\fBevio ${roff(id.replaceAll(':', ' '))}\\fR ${roff(['[OPTIONS]', ...words].join(' '))}\n`,
    `.SH DESCRIPTION\n${roff(filled(description || summary, id)).replaceAll('\n\n', '\n.PP\n')}\n`,
    `.SH OPTIONS\n${Object.values(flags).map(flagPart).join('')}`,
    shown.length > 0 ? `.SH EXAMPLES\n${shown.join('.PP\n')}` : '',
    '.SH SEE ALSO\n.BR evio (1)\n',
  ].join('');
}

/** The pages by their file names: `evio.1`, `evio-token-create.1`. */
export function manualPages(manifest, { version, description }) {
  const commands = Object.values(manifest.commands).filter(({ hidden }) => !hidden);
  const list = commands.map(
    ({ id, summary = '' }) =>
      `.TP\n\\fBevio ${roff(id.replaceAll(':', ' '))}\\fR\n${roff(summary)}. See \\fBevio\\-${roff(id.replaceAll(':', '-'))}\\fR(1).\n`,
  );
  const first = `${header('evio', version)}.SH NAME\nevio \\- ${roff(description)}\n.SH SYNOPSIS\n\\fBevio\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n.SH COMMANDS\n${list.join('')}`;
  return Object.fromEntries([
    ['evio.1', first],
    ...commands.map((command) => [
      `evio-${command.id.replaceAll(':', '-')}.1`,
      commandPage(command, version),
    ]),
  ]);
}
