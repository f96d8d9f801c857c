/** Bills of materials: the fields that CycloneDX 1.6 asks for, and that what is in the program is in them. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { hasBuild } from '../../support/need.js';

interface Component {
  type: string;
  'bom-ref': string;
  name: string;
  version: string;
  purl: string;
  hashes?: { alg: string; content: string }[];
  licenses?: { license?: { id: string }; expression?: string }[];
}
interface Bill {
  bomFormat: string;
  specVersion: string;
  serialNumber: string;
  version: number;
  metadata: { component: Component };
  components: Component[];
  dependencies: { ref: string; dependsOn?: string[] }[];
}
const root = new URL('../../../', import.meta.url);
const script = (name: string): Promise<unknown> => import(new URL(`scripts/sbom/${name}`, root).href);
const { billOf, component, purl } = (await script('bill.mjs')) as {
  billOf: (subject: Component, parts: Component[]) => Bill;
  component: (facts: object) => Component;
  purl: (type: string, name: string, version: string, qualifiers?: object) => string;
};
const pjson = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as {
  dependencies: Record<string, string>;
};

/** The rules of bom-1.6.schema.json for the fields that are used. */
function check(bill: Bill): void {
  expect(bill).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.6', version: 1 });
  expect(bill.serialNumber).toMatch(
    /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
  );
  const all = [bill.metadata.component, ...bill.components];
  const refs = all.map((each) => each['bom-ref']);
  expect(new Set(refs).size).toBe(refs.length);
  const lengths: Record<string, number> = { 'SHA-256': 64, 'SHA-512': 128 };
  for (const each of all) {
    expect(['application', 'container', 'library', 'platform']).toContain(each.type);
    expect(each.name).not.toBe('');
    expect(each.purl).toMatch(/^pkg:(npm|deb|github)\/[^@\s]+@[^@\s]+$/);
    for (const { alg, content } of each.hashes ?? []) {
      expect(content).toMatch(/^[0-9a-f]+$/);
      expect(content).toHaveLength(lengths[alg] as number);
    }
    for (const licence of each.licenses ?? []) expect(licence.license?.id ?? licence.expression).toBeTruthy();
  }
  expect(bill.dependencies.map(({ ref }) => ref).sort()).toEqual([...refs].sort());
  for (const ref of bill.dependencies.flatMap(({ dependsOn }) => dependsOn ?? []))
    expect(refs).toContain(ref);
}

describe('a bill of materials', () => {
  const part = (name: string): Component => component({ name, version: '1', purl: purl('npm', name, '1') });

  it('names packages by URLs, as the specification of them writes it', () => {
    expect(purl('npm', '@noble/ciphers', '2.4.0')).toBe('pkg:npm/%40noble/ciphers@2.4.0');
    expect(purl('deb', 'debian/libstdc++6', '12.2.0-14+deb12u1', { arch: 'amd64' })).toBe(
      'pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bdeb12u1?arch=amd64',
    );
  });

  it('is the same whatever the order of parts, and another one with another part', () => {
    const [a, b] = [part('a'), part('b')];
    const bill = billOf(part('whole'), [a, b, a]);
    check(bill);
    expect(bill.components).toHaveLength(2);
    expect(billOf(part('whole'), [b, a])).toEqual(bill);
    expect(billOf(part('whole'), [a]).serialNumber).not.toBe(bill.serialNumber);
  });

  it.runIf(hasBuild())('lists what is in program and image: packages, Node, lwIP, Debian', async () => {
    const { bills } = (await script('parts.mjs')) as {
      bills: (arch: string) => Promise<{ program: Bill; image: Bill }>;
    };
    const { program, image } = await bills('arm64');
    check(program);
    check(image);
    const names = program.components.map(({ name }) => name);
    // The package's own loader is not in it (packed-koffi.ts).
    const direct = Object.keys(pjson.dependencies).filter((name) => name !== 'koffi');
    const addons = ['@koromix/koffi-linux-arm64', '@node-datachannel/linux-arm64-gnu'];
    for (const name of [...direct, ...addons, 'node', 'lwip', 'preact', 'uplot'])
      expect(names).toContain(name);
    // What is for developers.
    for (const name of ['vitest', 'esbuild', 'typescript']) expect(names).not.toContain(name);
    for (const { name, licenses } of program.components) expect(licenses, name).toHaveLength(1);
    const more = image.components.map(({ name }) => name).filter((name) => !names.includes(name));
    expect(more).toEqual([
      ...[
        'gcc-12-base',
        'libatomic1',
        'libbsd0',
        'libc6',
        'libedit2',
        'libgcc-s1',
        'libgmp10',
        'libjansson4',
      ],
      ...[
        'libmd0',
        'libmnl0',
        'libnftables1',
        'libnftnl11',
        'libstdc++6',
        'libtinfo6',
        'libxtables12',
        'nftables',
      ],
    ]);
  });
});
