using System.Collections;
using System.Runtime.InteropServices;

namespace RpcNet.Cluster.Swim;

/// <summary>Some of a table's rows, in an order of their own. Kept as numbers: finding, swapping and shuffling touch no row.</summary>
internal sealed class MemberRows(MemberTable table) : IReadOnlyList<MemberEntry>
{
    private readonly List<int> _numbers = [];

    public int Count => _numbers.Count;

    public ReadOnlySpan<int> Numbers => CollectionsMarshal.AsSpan(_numbers);

    public MemberEntry this[int index] => table[_numbers[index]];

    public Enumerator GetEnumerator() => new(table, _numbers.GetEnumerator());

    IEnumerator<MemberEntry> IEnumerable<MemberEntry>.GetEnumerator() => GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public void Reserve(int capacity) => _numbers.EnsureCapacity(capacity);

    public void Add(int number) => _numbers.Add(number);

    public int IndexOf(MemberEntry entry) => CollectionsMarshal.AsSpan(_numbers).IndexOf(entry.Number);

    public void Swap(int a, int b) => (_numbers[a], _numbers[b]) = (_numbers[b], _numbers[a]);

    /// <summary>Puts the last row into the place of this one.</summary>
    public void RemoveAt(int index)
    {
        _numbers[index] = _numbers[^1];
        _numbers.RemoveAt(_numbers.Count - 1);
    }

    public struct Enumerator(MemberTable table, List<int>.Enumerator numbers) : IEnumerator<MemberEntry>
    {
        private List<int>.Enumerator _numbers = numbers;

        public readonly MemberEntry Current => table[_numbers.Current];

        readonly object IEnumerator.Current => Current;

        public bool MoveNext() => _numbers.MoveNext();

        public readonly void Reset() => throw new NotSupportedException();

        public readonly void Dispose()
        {
        }
    }
}
