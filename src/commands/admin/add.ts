import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base.js';
import { networkFlag } from '../../cli/flags.js';

export default class AdminAdd extends BaseCommand {
  static override summary = 'name a member an admin';
  static override description =
    "On an admin machine. An admin invites, revokes, and changes the network's facts. It may name admins itself.";

  static override examples = ['<%= config.bin %> <%= command.id %> web-1'];
  static override args = {
    peer: Args.string({ required: true, description: 'name, address, or the beginning of the id' }),
  };
  static override flags = {
    network: networkFlag,
    'by-root': Flags.boolean({
      description:
        'by the root key, where it is: then its word counts by itself where "evio network set admit=N" asks for several',
    }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(AdminAdd);
    const { amendHere } = await import('../../cli/amend.js');
    const order = { do: 'admin-add', peer: args.peer, byRoot: flags['by-root'] } as const;
    const done = await amendHere(this.home(), flags.network, order, await this.env());
    this.say(`${args.peer} (${done.subject}) is an admin now.`);
    await this.sayNotes(done);
    return { admin: done.subject, serial: done.serial };
  }
}
