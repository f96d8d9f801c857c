import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base.js';
import { networkFlag } from '../cli/flags.js';

export default class Set extends BaseCommand {
  static override summary = 'give this machine another name or address in a network';
  static override description =
    'Signs the certificate again, asks a relay whether name and address can be had, and stores them; a node that runs goes on with them. Sessions with other machines begin anew.';

  static override examples = [
    'sudo <%= config.bin %> <%= command.id %> --name web-1',
    'sudo <%= config.bin %> <%= command.id %> --ip 10.144.0.7 --network home',
  ];

  static override flags = {
    network: networkFlag,
    name: Flags.string({ helpValue: 'NAME', description: 'name of this machine, one DNS label' }),
    ip: Flags.string({ helpValue: 'ADDRESS', description: 'address in the network' }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(Set);
    const { name, ip } = flags;
    const { badValue } = await import('../core/identity/names.js');
    if (name === undefined && ip === undefined)
      throw badValue('There is nothing to set.', 'Give --name NAME, --ip ADDRESS or both.');
    const { changeHere } = await import('../cli/change-member.js');
    const { enrollPorts } = await import('../cli/enroll-ports.js');
    const home = this.home();
    const ports = enrollPorts(home, await this.env(), this.agent());
    const id = ports.store.pick(flags.network);
    const { network, node, changed } = await changeHere(home, id, { name, ip }, ports);
    this.say(`This machine is ${changed ? 'now ' : ''}${node.name}, ${node.ip} in ${network.name}.`);
    return { network, node, changed };
  }
}
