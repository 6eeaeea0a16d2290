/** How long tasks waited for a resource (PSI); see the kernel's Documentation/accounting/psi.rst. */
import type { PSIData, PSIStats } from '../../ttrpc/gen/containerd/cgroup-v2.js';
import { parseCount, parsePairs, readText } from '../../task/cgroup/stat-files.js';

export function readPressure(directory: string, file: string): PSIStats | undefined {
  const text = readText(directory, file);
  return text === undefined ? undefined : parsePressure(text);
}

/**
 * Parses lines `some avg10=0.00 avg60=0.00 avg300=0.00 total=0` and `full ...`. Old kernels lack `full` for the CPU.
 */
export function parsePressure(text: string): PSIStats {
  const lines = text.split('\n').map((line) => line.trim().split(/\s+/));
  const find = (kind: string): PSIData | undefined => {
    const words = lines.find(([first]) => first === kind);
    return words === undefined ? undefined : parseAverages(words.slice(1));
  };
  return { some: find('some'), full: find('full') };
}

function parseAverages(words: readonly string[]): PSIData {
  const values = parsePairs(words);
  const percent = (key: string): number => {
    const value = values.get(key) ?? '';
    return /^\d+(\.\d+)?$/.test(value) ? Number(value) : 0;
  };
  return {
    avg10: percent('avg10'),
    avg60: percent('avg60'),
    avg300: percent('avg300'),
    total: parseCount(values.get('total')) ?? 0n,
  };
}
