/** The manifest and the chart say the same. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { manifestObjects, manifestText, type ManifestOptions } from '../../../src/kube/manifest.js';

const chart = join(import.meta.dirname, '../../../deploy/helm');
const plain: ManifestOptions = {
  image: 'registry.example.org/evio:1',
  namespace: 'kube-system',
  apiServer: undefined,
  network: undefined,
  pool: undefined,
  policy: false,
  home: '/var/lib/evio',
  cniConf: '/etc/cni/net.d',
  cniBin: '/opt/cni/bin',
};
const full: ManifestOptions = {
  ...plain,
  namespace: 'net',
  apiServer: 'https://10.144.0.1:6443',
  network: 'home',
  pool: '10.145.0.0/24',
};

/**
 * The little of Helm's language that the chart uses: values, `quote`, `if` and `with`. Helm itself, built from its Go module,
 * renders it in test/kubernetes.
 */
function render(template: string, values: object): string {
  const valueOf = (path: string, dot: unknown): unknown =>
    path === '.'
      ? dot
      : path
          .split('.')
          .filter(Boolean)
          .reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], values);
  const tokens = template.split(/(?:\n[ \t]*)?\{\{-\s*(.*?)\s*\}\}|\{\{\s*(.*?)\s*\}\}/);
  let text = '';
  const open: { shown: boolean; dot: unknown }[] = [{ shown: true, dot: undefined }];
  for (let i = 0; i < tokens.length; i += 3) {
    const at = open.at(-1) as (typeof open)[number];
    if (at.shown) text += tokens[i] ?? '';
    const action = tokens[i + 1] ?? tokens[i + 2];
    if (action === undefined) continue;
    const [word = '', path = ''] = action.split(' ');
    if (word === 'end') open.pop();
    else if (word === 'if' || word === 'with') {
      const value = valueOf(path, at.dot);
      open.push({ shown: at.shown && Boolean(value), dot: value });
    } else if (at.shown) {
      const value = String(valueOf(word, at.dot));
      text += action.endsWith('| quote') ? JSON.stringify(value) : value;
    }
  }
  return text;
}

function rendered({ image, namespace, apiServer = '', network = '', pool = '' }: ManifestOptions): unknown[] {
  const defaults = parse(readFileSync(join(chart, 'values.yaml'), 'utf8')) as object;
  const values = {
    Values: { ...defaults, image, apiServer, network, servicePool: pool },
    Release: { Namespace: namespace },
  };
  return ['account.yaml', 'agent.yaml'].flatMap((name) =>
    parseAllDocuments(render(readFileSync(join(chart, 'templates', name), 'utf8'), values)).map(
      (document) => {
        expect(document.errors).toEqual([]);
        return document.toJS() as unknown;
      },
    ),
  );
}

describe('the manifest', () => {
  it.each([
    ['shortest', plain],
    ['fullest', full],
  ])('is what the chart says: the %s', (_, options) => {
    expect(rendered(options)).toEqual(manifestObjects(options));
  });

  it('is YAML that says the same', async () => {
    const documents = parseAllDocuments(await manifestText(full)).map(
      (document) => document.toJS() as unknown,
    );
    expect(documents).toEqual(manifestObjects(full));
  });

  it('gives no right that is not used', () => {
    const text = JSON.stringify(manifestObjects(plain));
    expect(text).not.toMatch(/"\*"|secrets|privileged|services|leases|NET_ADMIN/);
  });
});
