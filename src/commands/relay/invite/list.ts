import { BaseCommand } from '../../../cli/base.js';

export default class RelayInviteList extends BaseCommand {
  static override summary = 'list the relay invites that were made on this machine';
  static override description =
    'How many networks came by each, and whether it still admits any. The URLs are not kept.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  async run(): Promise<object> {
    await this.parse(RelayInviteList);
    const { relayInvites } = await import('../../../cli/relay-desk.js');
    const { relayInvitesText } = await import('../../../views/text/relay-networks.js');
    const invites = await relayInvites(this.relayHome(), await this.env());
    this.show(relayInvitesText(invites));
    return { invites };
  }
}
