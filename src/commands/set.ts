import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base.js';
import { networkFlag } from '../cli/flags.js';
import { keepWishes, pathFlags, wishesOf } from '../cli/path-flags.js';

/** Admins are asked, the interface goes down and up again, and an admin has to see the new key, ms. */
const rekeyTimeoutMs = 45_000;

export default class Set extends BaseCommand {
  static override summary = 'change name, address, key or paths of this machine in a network';
  static override description =
    'Signs the certificate again, asks a relay whether name and address can be had, and stores them; a node that runs goes on with them. Sessions with other machines begin anew, and so they do when it is to make its paths in another way. With --new-key the running node gets another key through an admin that is there; name, address, tags and rights stay, and the key of before counts nowhere any more.';

  static override usage = [
    '<%= command.id %> [-n NETWORK] [--name NAME] [--ip ADDRESS] [--relay-only | --no-relay | --any-path] [--ice-server URL]... [--relay-proxy URL] [--json]',
    '<%= command.id %> --new-key [-n NETWORK] [--json]',
  ];

  static override examples = [
    'sudo <%= config.bin %> <%= command.id %> --name web-1',
    'sudo <%= config.bin %> <%= command.id %> --ip 10.144.0.7 --network home',
    'sudo <%= config.bin %> <%= command.id %> --new-key',
    'sudo <%= config.bin %> <%= command.id %> --ice-server turn:USER:PASSWORD@turn.example.org:3478',
    'sudo <%= config.bin %> <%= command.id %> --relay-only',
  ];

  static override flags = {
    network: networkFlag,
    name: Flags.string({ helpValue: 'NAME', description: 'name of this machine, one DNS label' }),
    ip: Flags.string({ helpValue: 'ADDRESS', description: 'address in the network' }),
    'new-key': Flags.boolean({
      description: 'another key, and with it another node id and MAC',
      exclusive: ['name', 'ip'],
    }),
    ...pathFlags,
    'any-path': Flags.boolean({
      exclusive: ['relay-only', 'no-relay'],
      description: 'neither --relay-only nor --no-relay any more',
    }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(Set);
    const { name, ip } = flags;
    const { badValue } = await import('../core/identity/names.js');
    if (flags['new-key']) return this.#newKey(flags.network);
    const wishes = wishesOf(flags);
    if (name === undefined && ip === undefined && !wishes)
      throw badValue(
        'There is nothing to set.',
        'Give --name NAME, --ip ADDRESS, --new-key, or how paths are made.',
      );
    const { pathsReport } = await import('../core/membership/reach.js');
    const { pathsText } = await import('../views/text/paths.js');
    const { changeHere, repathHere } = await import('../cli/change-member.js');
    const { enrollPorts } = await import('../cli/enroll-ports.js');
    const { Store } = await import('../core/config/store.js');
    const home = this.home();
    const store = new Store(home);
    const id = store.pick(flags.network);
    const rerouted = await keepWishes(store, id, wishes);
    const ports = enrollPorts(home, await this.env(), this.agent(), store.profile(id).paths?.proxy);
    const { network, node, changed } = await changeHere(home, id, { name, ip }, ports);
    if (rerouted) await repathHere(home, id);
    const paths = pathsReport(ports.store.profile(id));
    this.say(`This machine is ${changed ? 'now ' : ''}${node.name}, ${node.ip} in ${network.name}.`);
    if (rerouted) this.say(pathsText(paths));
    return { network, node, changed: changed || rerouted, paths };
  }

  async #newKey(selector: string | undefined): Promise<object> {
    const { Store } = await import('../core/config/store.js');
    const { ask } = await import('../core/control/client.js');
    const network = new Store(this.home()).pick(selector);
    const report = await ask(this.home().controlSocket, 'rekey', { network }, rekeyTimeoutMs);
    this.say(
      report.counts
        ? `This machine is ${report.id} now; ${report.was} counts no more.`
        : `This machine is ${report.id} from now on, and waits until an admin has seen it, which takes no person.`,
    );
    return { network, ...report };
  }
}
