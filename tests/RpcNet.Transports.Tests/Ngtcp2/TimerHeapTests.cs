using RpcNet.Transports.Ngtcp2.Internal;

namespace RpcNet.Transports.Tests.Ngtcp2;

public sealed class TimerHeapTests
{
    [Fact]
    public void TimerHeap_RandomChanges_EarliestIsAlwaysTheMinimum()
    {
        var random = new Random(11);
        var heap = new TimerHeap();
        var entries = Enumerable.Range(0, 200).Select(_ => new Entry()).ToArray();
        for (var i = 0; i < 20_000; i++)
        {
            var entry = entries[random.Next(entries.Length)];
            if (random.Next(4) == 0)
            {
                heap.Remove(entry);
                entry.Deadline = ulong.MaxValue;
            }
            else
            {
                heap.Set(entry, random.Next(10) == 0 ? ulong.MaxValue : (ulong)random.Next(1000));
            }

            Assert.Equal(entries.Min(e => e.Deadline), heap.Earliest);
        }
    }

    private sealed class Entry : TimerEntry;
}
