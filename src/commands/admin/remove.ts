import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../cli/base.js';
import { networkFlag } from '../../cli/flags.js';

export default class AdminRemove extends BaseCommand {
  static override summary = "end an admin's rights, for good";
  static override description =
    'On an admin machine. An admin is ended by those who named it, by its equals, and by the root key. It stays a member, and so does whom it invited before. To make the machine an admin again, have it leave and join with another key.';

  static override examples = ['<%= config.bin %> <%= command.id %> web-1'];
  static override args = {
    peer: Args.string({ required: true, description: 'name, address, or the beginning of the id' }),
  };
  static override flags = { network: networkFlag };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(AdminRemove);
    const { amendHere } = await import('../../cli/amend.js');
    const order = { do: 'admin-remove', peer: args.peer } as const;
    const done = await amendHere(this.home(), flags.network, order, await this.env());
    this.say(`${args.peer} (${done.subject}) is no admin any more.`);
    await this.sayNotes(done);
    return { admin: done.subject, serial: done.serial };
  }
}
