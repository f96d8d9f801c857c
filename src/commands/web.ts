import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base.js';
import { networkFlag } from '../cli/flags.js';
import type { WebSource } from '../web/source.js';

export default class Web extends BaseCommand {
  static override daemon = true;
  static override summary = 'show a network in the browser';
  static override description =
    'Serves a page with the ring, its links, members, traffic and the decision log of each member, live, until Ctrl-C. Who opens it needs the whole address that is printed: the part after # is a key, made anew each time, and goes to nobody else. The page changes nothing.';

  static override examples = [
    'sudo <%= config.bin %> <%= command.id %>',
    'sudo <%= config.bin %> <%= command.id %> --network home --listen 127.0.0.1:8080',
    'sudo <%= config.bin %> <%= command.id %> --relay',
    '<%= config.bin %> sim --nodes 1000 --record sim.jsonl && <%= config.bin %> <%= command.id %> --replay sim.jsonl',
  ];

  static override flags = {
    network: networkFlag,
    listen: Flags.string({
      default: '127.0.0.1:7480',
      helpValue: 'ADDRESS:PORT',
      description: 'where to serve it; port 0 takes a free one',
    }),
    relay: Flags.boolean({
      description: 'show networks as the relay that runs on this machine knows them, instead of a node',
    }),
    replay: Flags.string({
      helpValue: 'FILE',
      description: 'show a recording of "evio sim --record" instead of a node',
      exclusive: ['network', 'relay'],
    }),
  };

  async run(): Promise<undefined> {
    const { flags } = await this.parse(Web);
    const { badValue } = await import('../core/identity/names.js');
    const { parseEndpoint, formatEndpoint, isLoopback } = await import('../core/lib/endpoint.js');
    const { listenAt } = await import('../core/metrics/door.js');
    const { webServer } = await import('../web/server.js');
    const { readPage } = await import('../web/page-files.js');
    const { interruptible } = await import('../core/process/signals.js');
    const at = parseEndpoint(/^\d+$/.test(flags.listen) ? `127.0.0.1:${flags.listen}` : flags.listen);
    if (!at)
      throw badValue(`"${flags.listen}" is no address to listen at.`, 'For example: --listen 127.0.0.1:7480');
    const source = await this.#source(flags);
    // A node or relay that does not run, or a network that is not here, is told at once.
    const { networks } = await source.networks();
    const { selectNetwork } = await import('../core/config/select.js');
    const only = flags.network === undefined ? undefined : selectNetwork(networks, flags.network).id;
    const token = randomBytes(24).toString('base64url');
    const { asTyped } = await import('../cli/program-name.js');
    const server = webServer({
      page: readPage(),
      source,
      token,
      host: at.host,
      worded: (text) => asTyped(text),
    });
    const { listenError } = await import('../core/lib/listen-error.js');
    await listenAt(server, at).catch((thrown: unknown) => {
      const another = 'Take another port: evio web --listen 127.0.0.1:0';
      throw listenError(formatEndpoint(at), thrown, {
        taken: [another],
        forbidden: [another],
        other: [another],
      });
    });
    const { port } = server.address() as AddressInfo;
    const shown = at.host === '0.0.0.0' ? '127.0.0.1' : at.host === '::' ? '::1' : at.host;
    const query = only === undefined ? '' : `?network=${only}`;
    const url = `http://${formatEndpoint({ host: shown, port })}/${query}#${token}`;
    if (this.jsonEnabled()) this.emit({ event: 'web', url });
    else process.stdout.write(`${url}\n`);
    this.say('Open it in a browser of this machine; Ctrl-C ends it.');
    if (!isLoopback(at.host))
      this.say(
        'It is served without TLS to more than this machine: whoever listens on the way learns its key.',
      );
    const { signal, release } = interruptible();
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => {
        resolve();
      });
    });
    release();
    server.close();
    server.closeAllConnections();
    return undefined;
  }

  async #source({ replay, relay }: { replay?: string | undefined; relay: boolean }): Promise<WebSource> {
    if (replay !== undefined) return (await import('../web/replay-source.js')).readReplay(replay);
    if (relay) return new (await import('../web/relay-source.js')).RelaySource(this.relayHome());
    const { NodeSource } = await import('../web/node-source.js');
    return new NodeSource(this.home().controlSocket);
  }
}
