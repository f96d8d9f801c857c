import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../cli/base.js';
import { networkFlag } from '../../cli/flags.js';

export default class TokenRevoke extends BaseCommand {
  static override summary = 'revoke a token, everywhere';
  static override description =
    'On an admin machine. No relay and no member admits anybody by it any more. Machines that joined by it before stay members, as far as this machine knows of them.';

  static override examples = ['<%= config.bin %> <%= command.id %> 0a1b2c3d4e5f'];
  static override args = {
    id: Args.string({
      required: true,
      description: 'id of the token (see "evio token list"), or the token itself',
    }),
  };

  static override flags = { network: networkFlag };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(TokenRevoke);
    const { amendHere } = await import('../../cli/amend.js');
    const { inviteNamed, markRevoked } = await import('../../core/enroll/invites.js');
    const { Store } = await import('../../core/config/store.js');
    const store = new Store(this.home());
    const networkId = store.pick(flags.network);
    const invite = inviteNamed(store, networkId, args.id);
    const order = { do: 'revoke-invite', invite } as const;
    const done = await amendHere(this.home(), networkId, order, await this.env());
    await markRevoked(store, networkId, done.subject);
    this.say(`Revoked the token ${done.subject}.`);
    await this.sayNotes(done);
    return { revoked: done.subject, serial: done.serial };
  }
}
