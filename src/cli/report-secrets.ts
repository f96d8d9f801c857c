/** What of a home is secret, and what of a profile may be shown. A field that is not known here is a secret. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Home } from '../core/config/home.js';
import { fromBase64Url, toHex } from '../core/lib/bytes.js';
import { parseJson } from '../core/lib/json.js';

/** Fields of profile.json that say nothing that members do not know. */
const shown: ReadonlySet<string> = new Set([
  ...['version', 'name', 'role', 'wantedIp', 'links', 'allowedRanges', 'announced', 'acceptedRoutes'],
  ...['device', 'port', 'bridge', 'exit', 'services'],
]);
/** The same of an invite in it. */
const shownOfInvite: ReadonlySet<string> = new Set([
  ...['id', 'created', 'expires', 'uses', 'role', 'tags', 'rights', 'ephemeral', 'approvals', 'revoked'],
]);
const variables = ['EVIO_TOKEN', 'EVIO_PASSPHRASE'] as const;

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Of each value that may not be shown its kind alone: that it is there often explains a fault. */
function redacted(fields: Fields, public_: ReadonlySet<string>): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      public_.has(name)
        ? value
        : name === 'invites' && Array.isArray(value)
          ? value.map((each: unknown) => (isFields(each) ? redacted(each, shownOfInvite) : '[removed]'))
          : '[removed]',
    ]),
  );
}

function* stringsIn(value: unknown): Generator<string> {
  if (typeof value === 'string') yield value;
  else if (typeof value === 'object' && value !== null)
    for (const each of Object.values(value)) yield* stringsIn(each);
}

function* secretsOf(fields: Fields, public_: ReadonlySet<string>): Generator<string> {
  for (const [name, value] of Object.entries(fields)) {
    if (public_.has(name)) continue;
    if (name === 'invites' && Array.isArray(value)) {
      for (const each of value as unknown[]) if (isFields(each)) yield* secretsOf(each, shownOfInvite);
    } else yield* stringsIn(value);
  }
}

/** A key is written in other ways elsewhere. */
function* spellings(secret: string): Generator<string> {
  yield secret;
  const bytes = secret.length >= 22 ? fromBase64Url(secret) : undefined;
  if (!bytes) return;
  yield toHex(bytes);
  yield toHex(bytes).toUpperCase();
  yield Buffer.from(bytes).toString('base64');
}

export interface HomeSecrets {
  readonly secrets: ReadonlySet<string>;
  /** Profiles without secrets, by network id. */
  readonly profiles: Readonly<Record<string, Fields>>;
}

/** Reads what there is; files that cannot be read, or hold no JSON, hold nothing that could be shown. */
export function homeSecrets(home: Home, env: NodeJS.ProcessEnv = process.env): HomeSecrets {
  const secrets = new Set<string>();
  const add = (found: Iterable<string>): void => {
    for (const secret of found) for (const text of spellings(secret)) secrets.add(text);
  };
  const profiles: Record<string, Fields> = {};
  for (const id of foldersOf(home.networks)) {
    const profile = jsonAt(join(home.networks, id, 'profile.json'));
    if (!isFields(profile)) continue;
    profiles[id] = redacted(profile, shown);
    add(secretsOf(profile, shown));
  }
  const relay = jsonAt(join(home.relay, 'relay.json'));
  add(stringsIn(relay));
  add(variables.map((name) => env[name] ?? ''));
  return { secrets, profiles };
}

function foldersOf(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function jsonAt(path: string): unknown {
  try {
    return parseJson(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
