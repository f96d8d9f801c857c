/** HTTP proxies as profiles and the environment name them. They may bear a password: only `describeProxy` is for people. */
import { formatEndpoint } from './endpoint.js';

export interface ProxyServer {
  /** TLS to the proxy itself. */
  readonly tls: boolean;
  /** Name or address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** `user:password`; undefined where the proxy asks for none. */
  readonly credentials: string | undefined;
}

/** `http://[USER:PASSWORD@]HOST[:PORT]` or `https://…`; without a scheme http. Else a word for people on what is wrong. */
export function parseProxy(text: string): ProxyServer | string {
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(full)) return 'it is no URL';
  const url = new URL(full);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'it is no HTTP proxy';
  if (url.hostname === '') return 'it has no host';
  const tls = url.protocol === 'https:';
  try {
    const [user, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
    return {
      tls,
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? (tls ? 443 : 80) : Number(url.port),
      credentials: user === '' && password === '' ? undefined : `${user}:${password}`,
    };
  } catch {
    return 'user or password are not percent-encoded as they should be';
  }
}

/** What people and logs may see. */
export function describeProxy(proxy: ProxyServer): string {
  return `http${proxy.tls ? 's' : ''}://${formatEndpoint(proxy)}`;
}

/** What `proxyFor` found. */
export interface ProxyChoice {
  readonly proxy: ProxyServer;
  /** The operator named it for evio: there is no way around it. One of the environment may be meant for other programs. */
  readonly asked: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy by which `host` is reached; undefined: none.
 *
 * @param wish of the profile: a URL, `none`, `environment`, or undefined, which is the same
 */
export function proxyFor(
  wish: string | undefined,
  host: string,
  port: number,
  env: Environment,
): ProxyChoice | undefined {
  if (wish === 'none') return undefined;
  const asked = wish !== undefined && wish !== 'environment';
  // As curl does: lower case first. HTTP_PROXY is for plain HTTP, and CGI lets strangers set it.
  const named = ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'].map((name) => env[name]);
  const text = asked ? wish : named.find((value) => value !== undefined && value !== '');
  if (text === undefined || (!asked && isExempt(host, port, env['no_proxy'] ?? env['NO_PROXY'] ?? '')))
    return undefined;
  const proxy = parseProxy(text);
  return typeof proxy === 'string' ? undefined : { proxy, asked };
}

/** Whether `no_proxy` names the host: `*`, a name and all below it, an address; each with or without a port. */
function isExempt(host: string, port: number, list: string): boolean {
  const name = host.toLowerCase();
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((word) => word !== '')
    .some((word) => {
      if (word === '*') return true;
      const [, bare = word, onlyPort] = /^(\[[^\]]+\]|[^:]*)(?::(\d+))?$/.exec(word) ?? [];
      if (onlyPort !== undefined && Number(onlyPort) !== port) return false;
      const wanted = bare.replace(/^\[|\]$/g, '').replace(/^\*?\./, '');
      return name === wanted || name.endsWith(`.${wanted}`);
    });
}
