using Microsoft.Extensions.Time.Testing;

namespace RpcNet.Cluster.Tests.Registry;

public sealed class WorkerRegistryTests : RegistryFixture
{
    [Fact]
    public async Task StartAsync_MembersPresent_KnowsTheWorkersAmongThem()
    {
        Membership.Join("b", 2, "role=worker,label=worker-b");
        Membership.Join("a", 1, "role=worker,label=worker-a");
        Membership.Join("d", 3, "role=director");

        var registry = await StartAsync();

        Assert.Equal(["worker-a", "worker-b"], registry.Workers.Select(w => w.Label));
        Assert.Equal(2, registry.Count);
        Assert.Equal("127.0.0.1:1", registry.Workers[0].Address.ToString());
        Assert.All(registry.Workers, w => Assert.Equal(WorkerState.Ready, w.State));
    }

    [Fact]
    public async Task Select_Lease_CountsUntilItsFirstDispose()
    {
        Membership.Join("a", 1);
        var registry = await StartAsync();
        var worker = registry.Workers[0];

        var first = registry.Select("role=worker");
        var copy = first;
        Assert.Equal(1, worker.ActiveConnections);
        first.Dispose();
        Assert.Equal(0, worker.InFlight);
        using (registry.Select())
        {
            copy.Dispose();
            first.Dispose();
            first.HandOver();
            Assert.Equal(1, worker.InFlight);
        }

        Assert.Equal(0, worker.InFlight);
    }

    [Fact]
    public async Task Select_LeastConnections_EvensOut()
    {
        Membership.JoinMany(50);
        var registry = await StartAsync();

        var leases = Enumerable.Range(0, 100).Select(_ => registry.Select()).ToList();

        Assert.All(registry.Workers, w => Assert.Equal(2, w.InFlight));
        leases.ForEach(l => l.Dispose());
        Assert.All(registry.Workers, w => Assert.Equal(0, w.InFlight));
    }

    [Fact]
    public async Task Select_Excluded_GivesOneNotTried()
    {
        Membership.JoinMany(3);
        var registry = await StartAsync();
        var (a, b, c) = (registry.Workers[0], registry.Workers[1], registry.Workers[2]);

        for (var i = 0; i < 50; i++)
        {
            using var lease = registry.Select("role=worker", a, c);
            Assert.Same(b, lease.Worker);
        }

        var error = Assert.Throws<RpcFaultException>(() => registry.Select(null, a, b, c));
        Assert.Equal(RpcStatusCode.Unavailable, error.Status);
        Assert.False(error.MayHaveExecuted);
        Assert.Contains("3 of the 3", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Select_NothingFits_SaysWhatWasLookedForAndWhatIsThere()
    {
        var registry = await StartAsync();
        Assert.Equal(
            "No worker for 'gpu=true': none of the 1 members of the cluster fits RpcNet:Cluster:Workers:Filter, which is 'role=worker'.",
            Assert.Throws<RpcFaultException>(() => registry.Select("gpu=true")).Message);

        var a = Membership.Join("a", 1, "role=worker,label=worker-a,zone=x");
        await Eventually.HoldsAsync(() => registry.Count == 1);
        Assert.Equal(
            "No worker for 'gpu=true': none of the 1 workers fits. They are worker-a (role=worker, zone=x).",
            Assert.Throws<RpcFaultException>(() => registry.Select("gpu=true")).Message);

        Membership.ChangeTags(a, "role=worker,label=worker-a,draining=true");
        await Eventually.HoldsAsync(() => registry.Workers[0].State == WorkerState.Draining);
        Assert.Equal(
            "No worker for 'role=worker' takes calls: worker-a (Draining).",
            Assert.Throws<RpcFaultException>(() => registry.Select("role=worker")).Message);
        Assert.False(registry.TrySelect("role=worker", out _));
    }

    [Fact]
    public async Task Membership_Changes_AreFollowedAndTold()
    {
        var registry = await StartAsync();
        var told = new List<string>();
        registry.WorkerAdded += (_, c) => Add($"+{c.Worker.Id}#{c.Worker.Identity.Generation}");
        registry.WorkerRemoved += (_, c) => Add($"-{c.Worker.Id}#{c.Worker.Identity.Generation}");
        registry.WorkerStateChanged += (_, c) => Add($"{c.Worker.Id} {c.State}");

        var a = Membership.Join("a", 1);
        var b = Membership.Join("b", 2);
        Membership.Suspect(a);
        Membership.Recover(a);
        var c = Membership.Join("c", 3, "role=idle");
        Membership.ChangeTags(c, "role=worker");
        Membership.ChangeTags(c, "role=idle");
        Membership.Fail(a);
        Membership.Join("a", 1, generation: 2);
        Membership.Join("a", 1, generation: 3);
        Membership.Leave(b);
        await Eventually.HoldsAsync(() => Read().Count == 11, "11 events");

        Assert.Equal(["+a#1", "+b#1", "a Suspect", "a Ready", "+c#1", "-c#1", "-a#1", "+a#2", "-a#2", "+a#3", "-b#1"], Read());
        Assert.Equal(["a"], registry.Workers.Select(w => w.Id.Value));

        void Add(string text)
        {
            lock (told)
            {
                told.Add(text);
            }
        }

        List<string> Read()
        {
            lock (told)
            {
                return [.. told];
            }
        }
    }

    [Fact]
    public async Task Suspects_OthersReady_GetNoCallsUntilMostAreSuspected()
    {
        var members = Enumerable.Range(0, 4).Select(i => Membership.Join($"w{i}", i + 1)).ToList();
        var registry = await StartAsync();
        var selector = registry.GetSelector("role=worker");

        Membership.Suspect(members[0]);
        Membership.Suspect(members[1]);
        await Eventually.HoldsAsync(() => selector.Candidates.Count == 2);

        Membership.Suspect(members[2]);
        await Eventually.HoldsAsync(() => selector.Candidates.Count == 4);
    }

    [Fact]
    public async Task Select_AllFull_IsShedUndispatched()
    {
        Membership.JoinMany(2);
        var registry = await StartAsync(o => o.MaxCallsPerWorker = 3);
        var leases = Enumerable.Range(0, 6).Select(_ => registry.Select()).ToList();

        var error = Assert.Throws<RpcFaultException>(() => registry.Select());

        Assert.Equal(RpcStatusCode.ResourceExhausted, error.Status);
        Assert.False(error.MayHaveExecuted);
        leases[0].Dispose();
        registry.Select().Dispose();
        leases.ForEach(l => l.Dispose());
        Assert.All(registry.Workers, w => Assert.Equal(0, w.InFlight));
    }

    [Fact]
    public async Task Slots_WorkersComeAndGo_AreReusedOnceTheirLeasesEnd()
    {
        var a = Membership.Join("a", 1);
        var registry = await StartAsync(o => o.MaxWorkers = 2);
        var lease = registry.Select();
        var worker = lease.Worker;
        Membership.Leave(a);
        await Eventually.HoldsAsync(() => registry.Count == 0);

        for (var i = 0; i < 10; i++)
        {
            var b = Membership.Join($"b{i}", 2);
            await Eventually.HoldsAsync(() => registry.Count == 1);
            Assert.Equal(0, registry.Workers[0].InFlight);
            Membership.Leave(b);
            await Eventually.HoldsAsync(() => registry.Count == 0);
        }

        Assert.Equal(1, worker.InFlight);
        lease.Dispose();
        Assert.Equal(0, worker.InFlight);
    }

    [Fact]
    public async Task ApplyLoad_CallerMakesCalls_ExpectsTheMeanOfTheOthersAndShowsTheReport()
    {
        Membership.Join("a", 1);
        var registry = await StartAsync();
        var worker = registry.Workers[0];
        var candidates = registry.GetSelector("role=worker").Candidates;
        registry.ApplyLoad(worker, new LoadReport { Sequence = 1, InFlight = 20 });
        Assert.Equal((20, 20), (candidates.GetLoad(0), worker.InFlight));

        using (var lease = registry.Select())
        {
            lease.Complete(TimeSpan.FromMilliseconds(10), succeeded: true);
        }

        for (var i = 2; i < 200; i++)
        {
            Time.Advance(TimeSpan.FromMilliseconds(50));
            registry.ApplyLoad(worker, new LoadReport { Sequence = i, InFlight = i % 2 == 0 ? 0 : 20 });
            Assert.Equal(i % 2 == 0 ? 0 : 20, worker.InFlight);
            Assert.Equal(0, worker.LocalInFlight);
        }

        Assert.InRange(candidates.GetLoad(0), 8, 12);
        using (registry.Select())
        {
            Assert.InRange(candidates.GetLoad(0), 9, 13);
            Assert.Equal(1, worker.LocalInFlight);
            Assert.Equal(21, worker.InFlight);
        }

        for (var i = 200; i < 400; i++)
        {
            Time.Advance(TimeSpan.FromMilliseconds(50));
            registry.ApplyLoad(worker, new LoadReport { Sequence = i });
        }

        Assert.Equal((0, 0), (candidates.GetLoad(0), worker.InFlight));
    }

    [Fact]
    public void Constructor_OptionOutOfRange_NamesIt()
    {
        var error = Assert.Throws<ArgumentException>(() => new WorkerRegistry(Membership, new WorkerRegistryOptions { PanicShare = 2, Filter = "" }));
        Assert.Contains("RpcNet:Cluster:Workers:PanicShare is 2", error.Message, StringComparison.Ordinal);
    }
}
