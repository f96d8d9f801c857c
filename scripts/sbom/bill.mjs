/** Bills of materials as CycloneDX 1.6 has them (ECMA-424), without a date: equal to the last byte when made again. Pure. */
import { createHash } from 'node:crypto';

/** A package's URL (purl-spec): `pkg:TYPE/NAMESPACE/NAME@VERSION?QUALIFIERS`. */
export function purl(type, name, version, qualifiers = {}) {
  const path = name.split('/').map(encodeURIComponent).join('/');
  const query = Object.entries(qualifiers).map(([key, value]) => `${key}=${encodeURIComponent(value)}`);
  return `pkg:${type}/${path}@${encodeURIComponent(version)}${query.length > 0 ? `?${query.join('&')}` : ''}`;
}

/** A licence as SPDX names it, one or an expression of several. */
const licenceOf = (text) => (/[ ()]/.test(text) ? { expression: text } : { license: { id: text } });

/**
 * A component.
 *
 * @param facts `{ type, name, version, purl, license?, cpe?, hash?: { alg, content } }`; `content` in hexadecimal.
 */
export const component = ({ type = 'library', name, version, purl: url, license, cpe, hash }) => ({
  type,
  'bom-ref': url,
  name,
  version,
  ...(hash === undefined ? {} : { hashes: [hash] }),
  ...(license === undefined ? {} : { licenses: [licenceOf(license)] }),
  ...(cpe === undefined ? {} : { cpe }),
  purl: url,
});

/** The bill of `subject`, a component, made of `parts`, in any order. */
export function billOf(subject, parts) {
  const byRef = new Map(parts.map((part) => [part['bom-ref'], part]));
  const components = [...byRef.keys()].sort().map((ref) => byRef.get(ref));
  const hex = createHash('sha256')
    .update(JSON.stringify([subject, components]))
    .digest('hex');
  // A UUID of version 8 (RFC 9562): what it is made of is ours to say.
  const uuid = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuid}`,
    version: 1,
    metadata: { lifecycles: [{ phase: 'build' }], component: subject },
    components,
    dependencies: [
      { ref: subject['bom-ref'], dependsOn: components.map((part) => part['bom-ref']) },
      ...components.map((part) => ({ ref: part['bom-ref'] })),
    ],
  };
}
