/**
 * `/etc/default/kubelet`, or `/etc/sysconfig/kubelet` on systems of Red Hat's kind: the words that kubeadm's unit gives the
 * kubelet besides its own, KUBELET_EXTRA_ARGS. Pure: text in, text out; what else stands there stays.
 */

const variable = 'KUBELET_EXTRA_ARGS';
const line = new RegExp(`^${variable}=(.*)$`, 'm');

function wordsOf(text: string): readonly string[] {
  const value = (line.exec(text)?.[1] ?? '').trim().replace(/^(["'])(.*)\1$/, '$2');
  return value.split(/\s+/).filter((word) => word !== '');
}

/** The address that the kubelet is told, undefined where there is none. */
export function nodeIpOf(text: string): string | undefined {
  const words = wordsOf(text);
  const at = words.findIndex((word) => word === '--node-ip' || word.startsWith('--node-ip='));
  return at < 0 ? undefined : (words[at]?.split('=')[1] ?? words[at + 1]);
}

/** The text with this address in the place of another; undefined takes it out, and the line with it where it was alone. */
export function withNodeIp(text: string, ip: string | undefined): string {
  const words = [...wordsOf(text)];
  const at = words.findIndex((word) => word === '--node-ip' || word.startsWith('--node-ip='));
  if (at >= 0) words.splice(at, words[at] === '--node-ip' ? 2 : 1);
  if (ip !== undefined) words.push(`--node-ip=${ip}`);
  const assignment = words.length === 0 ? '' : `${variable}="${words.join(' ')}"`;
  if (!line.test(text)) {
    if (assignment === '') return text;
    return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${assignment}\n`;
  }
  return assignment === ''
    ? text.replace(new RegExp(`${line.source}\\n?`, 'm'), '')
    : text.replace(line, () => assignment);
}
