import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base.js';
import { networkFlag } from '../cli/flags.js';

/** Admins are asked, the interface goes down and up again, and an admin has to see the new key, ms. */
const rekeyTimeoutMs = 45_000;

export default class Set extends BaseCommand {
  static override summary = 'give this machine another name, address or key in a network';
  static override description =
    'Signs the certificate again, asks a relay whether name and address can be had, and stores them; a node that runs goes on with them. Sessions with other machines begin anew. With --new-key the running node gets another key through an admin that is there; name, address, tags and rights stay, and the key of before counts nowhere any more.';

  static override examples = [
    'sudo <%= config.bin %> <%= command.id %> --name web-1',
    'sudo <%= config.bin %> <%= command.id %> --ip 10.144.0.7 --network home',
    'sudo <%= config.bin %> <%= command.id %> --new-key',
  ];

  static override flags = {
    network: networkFlag,
    name: Flags.string({ helpValue: 'NAME', description: 'name of this machine, one DNS label' }),
    ip: Flags.string({ helpValue: 'ADDRESS', description: 'address in the network' }),
    'new-key': Flags.boolean({
      description: 'another key, and with it another node id and MAC',
      exclusive: ['name', 'ip'],
    }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(Set);
    const { name, ip } = flags;
    const { badValue } = await import('../core/identity/names.js');
    if (flags['new-key']) return this.#newKey(flags.network);
    if (name === undefined && ip === undefined)
      throw badValue('There is nothing to set.', 'Give --name NAME, --ip ADDRESS or both, or --new-key.');
    const { changeHere } = await import('../cli/change-member.js');
    const { enrollPorts } = await import('../cli/enroll-ports.js');
    const home = this.home();
    const ports = enrollPorts(home, await this.env(), this.agent());
    const id = ports.store.pick(flags.network);
    const { network, node, changed } = await changeHere(home, id, { name, ip }, ports);
    this.say(`This machine is ${changed ? 'now ' : ''}${node.name}, ${node.ip} in ${network.name}.`);
    return { network, node, changed };
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
