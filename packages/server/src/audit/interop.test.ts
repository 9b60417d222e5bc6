import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { createTestSigner } from '../../../../test/support/audit.ts'
import { signCheckpoint } from './checkpoint.ts'
import { hashLeaf } from './merkle.ts'
import { consistencyProof, inclusionProof, type TileReader } from './proofs.ts'
import { appendLeaves } from './tiles.ts'

// The Go distribution carries the reference implementation (golang.org/x/mod/sumdb); building it takes a while, so on request.
const skip = process.env['COUNTERSIGN_TEST_GO'] ? false : 'set COUNTERSIGN_TEST_GO=1 where Go is installed'

const PROGRAM = `package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"interop/note"
	"interop/tlog"
)

type input struct {
	Note, Key                  string
	Index, Size, First         int64
	Leaf, Root, FirstRoot      []byte
	Inclusion, Consistency     [][]byte
}

func hash(b []byte) (h tlog.Hash) { copy(h[:], b); return }

func hashes(list [][]byte) (out []tlog.Hash) {
	for _, b := range list {
		out = append(out, hash(b))
	}
	return
}

func main() {
	var in input
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		panic(err)
	}
	verifier, err := note.NewVerifier(in.Key)
	if err != nil {
		panic(err)
	}
	opened, err := note.Open([]byte(in.Note), note.VerifierList(verifier))
	if err != nil {
		panic(err)
	}
	lines := strings.Split(opened.Text, "\\n")
	if lines[1] != fmt.Sprint(in.Size) || lines[2] != hash(in.Root).String() {
		panic("the note states another tree")
	}
	if err := tlog.CheckRecord(hashes(in.Inclusion), in.Size, hash(in.Root), in.Index, hash(in.Leaf)); err != nil {
		panic(err)
	}
	if err := tlog.CheckTree(hashes(in.Consistency), in.Size, hash(in.Root), in.First, hash(in.FirstRoot)); err != nil {
		panic(err)
	}
	fmt.Print("ok")
}
`

describe('other implementations', { skip }, () => {
  it('Go x/mod/sumdb opens our checkpoint with our verifier key and accepts our proofs', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'countersign-go-'))
    t.after(() => rmSync(directory, { recursive: true, force: true }))
    const root = spawnSync('go', ['env', 'GOROOT'], { encoding: 'utf8' }).stdout.trim()
    for (const name of ['note', 'tlog']) {
      cpSync(join(root, 'src/cmd/vendor/golang.org/x/mod/sumdb', name), join(directory, name), { recursive: true })
    }
    writeFileSync(join(directory, 'go.mod'), 'module interop\n\ngo 1.22\n')
    writeFileSync(join(directory, 'main.go'), PROGRAM)
    const built = spawnSync('go', ['build', '-o', 'interop', '.'], {
      cwd: directory,
      encoding: 'utf8',
      env: { ...process.env, GOPROXY: 'off', GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local' },
    })
    assert.equal(built.status, 0, built.stderr)

    const signer = createTestSigner('log.example/audit')
    const leaves = Array.from({ length: 700 }, (_, index) => hashLeaf(Buffer.from(`entry ${index}`)))
    const grown = appendLeaves(0, new Map(), leaves)
    const tiles = new Map(grown.changed.map((tile) => [`${tile.level}/${tile.index}`, tile.hashes]))
    const read: TileReader = async ({ level, index }) => tiles.get(`${level}/${index}`)
    const base64 = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('base64')
    for (const [index, size, first] of [
      [0, 1, 1],
      [255, 256, 255],
      [256, 257, 256],
      [599, 700, 600],
      [3, 700, 1],
      [698, 699, 513],
    ] as const) {
      const tree = appendLeaves(0, new Map(), leaves.slice(0, size))
      const head = { origin: 'log.example/audit', size: BigInt(size), root: tree.root }
      const input = {
        note: signCheckpoint(head, [signer]),
        key: signer.verifierKey,
        index,
        size,
        first,
        leaf: base64(leaves[index]),
        root: base64(tree.root),
        firstRoot: base64(appendLeaves(0, new Map(), leaves.slice(0, first)).root),
        inclusion: (await inclusionProof(read, index, size)).map(base64),
        consistency: (await consistencyProof(read, first, size)).map(base64),
      }
      const run = spawnSync(join(directory, 'interop'), { input: JSON.stringify(input), encoding: 'utf8' })
      assert.equal(run.stdout, 'ok', `${index} ${size} ${first}: ${run.stderr}`)
      const wrong = { ...input, note: input.note.replace(/\n\d+\n/, '\n9\n') }
      assert.notEqual(
        spawnSync(join(directory, 'interop'), { input: JSON.stringify(wrong), encoding: 'utf8' }).stdout,
        'ok',
      )
    }
  })
})
