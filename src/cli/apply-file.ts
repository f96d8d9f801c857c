/** What `evio apply -f` reads: the state that a machine should be in. docs/evio.schema.json is made of this. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { isNodeName } from '../core/identity/names.js';
import { networkIdOf } from '../core/identity/node-id.js';
import { decodeToken } from '../core/identity/token.js';
import { EvioError, messageOf } from '../core/lib/errors.js';
import { formatPrefix, parsePrefix } from '../core/lib/prefix.js';
import { parsePolicy } from '../core/policy/parse.js';
import { parseRelayUrl } from '../core/relays/net/relay-url.js';
import { localFields, type WantedLocal } from './apply-local.js';
import { acceptAll } from '../core/subnets/acceptance.js';

const announced = z.strictObject({
  cidr: z.string().describe('Range of the subnet, IPv4 or IPv6'),
  shared: z.boolean().default(false).describe('Another member announces the same'),
});

const network = z
  .strictObject({
    name: z.string().min(1).describe('Name of the network'),
    token: z.string().optional().describe('Token to join by; better: tokenFile'),
    tokenFile: z.string().optional().describe('File with the token; relative to this file'),
    nodeName: z.string().optional().describe('Name of this machine'),
    ip: z.string().optional().describe('Address of this machine when it joins'),
    role: z.enum(['switch', 'leaf']).optional().describe('leaf: forwards for nobody'),
    relays: z
      .array(z.string())
      .min(1)
      .max(16)
      .optional()
      .describe('URLs of exactly the relays that the network is to have; on an admin machine'),
    routes: z
      .strictObject({
        announce: z.array(announced).optional().describe('Exactly the subnets behind this machine'),
        accept: z
          .array(z.string())
          .optional()
          .describe('Exactly the ranges that are sent to who announces them; "all" for every private one'),
      })
      .optional(),
    ...localFields,
    policyFile: z
      .string()
      .optional()
      .describe("The network's policy, relative to this file; on an admin machine"),
  })
  .describe('A network that this machine is in');

/** The file, as it is written. */
export const applySchema = z
  .strictObject({
    networks: z.array(network).min(1).describe('Networks that are not named stay as they are'),
  })
  .describe('evio apply -f FILE');

export interface WantedNetwork {
  readonly name: string;
  /** Checked; undefined: this machine has to be a member already. */
  readonly token: string | undefined;
  readonly tokenNetworkId: string | undefined;
  readonly nodeName: string | undefined;
  readonly ip: string | undefined;
  readonly role: 'switch' | 'leaf' | undefined;
  readonly relays: readonly string[] | undefined;
  /** Canonical texts. */
  readonly announce: readonly { readonly cidr: string; readonly shared: boolean }[] | undefined;
  readonly accept: readonly string[] | undefined;
  readonly policy: { readonly file: string; readonly text: string } | undefined;
  readonly local?: WantedLocal;
}

/** Everything that can be wrong with the file is found before anything is changed. */
function faulty(where: string, what: string): EvioError {
  return new EvioError('EVIO_BAD_VALUE', `${where}: ${what.replace(/\.$/, '')}.`, [
    'Nothing was changed. See docs/evio.schema.json, or: evio apply --help',
  ]);
}

/**
 * @param path `-` is standard input
 * @throws EvioError EVIO_BAD_VALUE with the place, EVIO_TOKEN_DAMAGED …
 */
export function readApplyFile(path: string): WantedNetwork[] {
  let content: unknown;
  try {
    content = parse(readFileSync(path === '-' ? 0 : path, 'utf8'));
  } catch (thrown) {
    throw faulty(path, messageOf(thrown));
  }
  const parsed = applySchema.safeParse(content);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw faulty(`${path}: ${issue?.path.join('.') || 'the file'}`, issue?.message ?? 'invalid');
  }
  const folder = path === '-' ? process.cwd() : dirname(resolve(path));
  const names = parsed.data.networks.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw faulty(path, `the network ${twice} is named twice`);
  return parsed.data.networks.map((each) => wanted(each, folder));
}

function wanted(each: z.output<typeof network>, folder: string): WantedNetwork {
  const { name, nodeName, ip, role, relays, routes } = each;
  const at = `networks.${name}`;
  const read = (file: string, field: string): string => {
    try {
      return readFileSync(resolve(folder, file), 'utf8');
    } catch (thrown) {
      throw faulty(`${at}.${field}`, messageOf(thrown));
    }
  };
  if (each.token !== undefined && each.tokenFile !== undefined)
    throw faulty(at, 'token and tokenFile exclude each other');
  const token = each.tokenFile === undefined ? each.token : read(each.tokenFile, 'tokenFile').trim();
  const decoded = token === undefined ? undefined : decodeToken(token);
  if (decoded && decoded.network.name !== name)
    throw faulty(at, `its token is of the network ${decoded.network.name}`);
  if (nodeName !== undefined && !isNodeName(nodeName))
    throw faulty(`${at}.nodeName`, `"${nodeName}" is no name`);
  for (const url of relays ?? []) parseRelayUrl(url);
  const cidr = (text: string, field: string): string => {
    const prefix = parsePrefix(text);
    if (!prefix) throw faulty(`${at}.routes.${field}`, `"${text}" is no range`);
    return formatPrefix(prefix);
  };
  let policy: WantedNetwork['policy'];
  if (each.policyFile !== undefined) {
    const text = read(each.policyFile, 'policyFile');
    const result = parsePolicy(text);
    if (!result.ok) {
      const fault = result.faults[0];
      throw faulty(`${at}.policyFile, line ${fault?.line ?? 1}`, fault?.message ?? 'invalid');
    }
    policy = { file: resolve(folder, each.policyFile), text };
  }
  return {
    name,
    token,
    tokenNetworkId: decoded && networkIdOf(decoded.network.rootKey),
    nodeName,
    ip,
    role,
    relays,
    announce: routes?.announce?.map((one) => ({ ...one, cidr: cidr(one.cidr, 'announce') })),
    accept: routes?.accept?.map((text) => (text === acceptAll ? text : cidr(text, 'accept'))),
    policy,
    local: { bridge: each.bridge, exit: each.exit, services: each.services },
  };
}
