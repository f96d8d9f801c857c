import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base.js';
import { networkFlag } from '../cli/flags.js';

export default class Revoke extends BaseCommand {
  static override summary = 'bar a member from the network, everywhere and for good';
  static override description =
    'On an admin machine. Every member that is connected drops it within moments, every other one before it takes it again; relays refuse it. The invite that it joined by admits nobody any more; who joined by it before stays. A revoked machine can come back only with a new token and another key: evio leave, then evio join.';

  static override examples = [
    '<%= config.bin %> <%= command.id %> web-1',
    '<%= config.bin %> <%= command.id %> 10.144.0.7 --reason "stolen laptop"',
  ];
  static override args = {
    peer: Args.string({ required: true, description: 'name, address, or the beginning of the id' }),
  };
  static override flags = {
    network: networkFlag,
    reason: Flags.string({
      default: '',
      helpValue: 'TEXT',
      description: 'what every member is told, at most 128 characters',
    }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(Revoke);
    const { amendHere } = await import('../cli/amend.js');
    const order = { do: 'revoke', peer: args.peer, reason: flags.reason } as const;
    const done = await amendHere(this.home(), flags.network, order, await this.env());
    this.say(`Revoked ${args.peer} (${done.subject}).`);
    await this.sayNotes(done);
    return { revoked: done.subject, serial: done.serial, notes: done.notes };
  }
}
