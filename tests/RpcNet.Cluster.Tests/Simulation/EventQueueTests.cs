using RpcNet.Testing.Simulation;

namespace RpcNet.Cluster.Tests.Simulation;

public class EventQueueTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Take_AfterAddsInAnyOrder_GivesTheEarliestAndOfEqualsTheFirst(int seed)
    {
        var random = new Random(seed);
        var queue = new EventQueue();
        var expected = new PriorityQueue<int, (long At, int Order)>();
        for (var i = 0; i < 20_000; i++)
        {
            // Grows to thousands, shrinks to nothing, and grows again.
            if (random.Next(100) < (i % 10_000 < 5000 ? 70 : 20))
            {
                var at = random.Next(50);
                queue.Add(TimeSpan.FromTicks(at), new Happening(HappeningKind.Wake, Node: null, Subject: null, Life: i, Due: default, IsDelayed: false));
                expected.Enqueue(i, (at, i));
            }
            else if (expected.TryDequeue(out var next, out var priority))
            {
                Assert.Equal(priority.At, queue.NextAt.Ticks);
                Assert.Equal(next, queue.Take().Life);
            }

            Assert.Equal(expected.Count, queue.Count);
        }

        while (expected.TryDequeue(out var next, out _))
        {
            Assert.Equal(next, queue.Take().Life);
        }

        Assert.Equal(TimeSpan.MaxValue, queue.NextAt);
    }
}
