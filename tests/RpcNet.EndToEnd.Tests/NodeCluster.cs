namespace RpcNet.EndToEnd.Tests;

/// <summary>A cluster of processes on loopback, one member each; the first ones are the seeds.</summary>
internal sealed class NodeCluster : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly Dictionary<string, string> _addresses = new(StringComparer.Ordinal);
    private readonly Dictionary<string, NodeProcess> _running = new(StringComparer.Ordinal);
    private readonly string _seeds;

    public NodeCluster(int nodes, int seeds = 1)
    {
        Engine.Require();
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The nodes are sent Linux signals.");
        Ids = [.. Enumerable.Range(0, nodes).Select(static i => $"n{i}")];
        foreach (var id in Ids)
        {
            _addresses[id] = $"127.0.0.1:{Repository.FreePort()}";
        }

        _seeds = string.Join(',', Ids.Take(seeds).Select(id => _addresses[id]));
    }

    public string[] Ids { get; }

    public IEnumerable<NodeProcess> Running => _running.Values;

    public NodeProcess this[string id] => _running[id];

    public string AddressOf(string id) => _addresses[id];

    public NodeProcess Start(string id) =>
        _running[id] = NodeProcess.Start($"{id}={_addresses[id]}", _seeds, _folder.Path);

    /// <summary>Starts all and waits until all see all.</summary>
    public async Task StartAllAsync()
    {
        foreach (var id in Ids)
        {
            Start(id);
        }

        await SettleAsync();
    }

    /// <summary>Waits until all that run see exactly those that run.</summary>
    public async Task SettleAsync()
    {
        var ids = _running.Keys.ToArray();
        foreach (var node in _running.Values)
        {
            await node.ExpectViewAsync(ids);
        }
    }

    public async Task KillAsync(string id)
    {
        _running.Remove(id, out var node);
        await using (node)
        {
            await node!.KillAsync();
        }
    }

    public async Task StopAsync(string id)
    {
        _running.Remove(id, out var node);
        await using (node)
        {
            await node!.StopAsync();
        }
    }

    /// <summary>How many lines each has printed, to tell later what came after this point.</summary>
    public Dictionary<NodeProcess, int> Mark() => _running.Values.ToDictionary(static n => n, static n => n.LineCount);

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _running.Values)
        {
            await node.DisposeAsync();
        }

        _folder.Dispose();
    }
}
