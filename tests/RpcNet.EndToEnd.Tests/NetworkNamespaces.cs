using System.Globalization;

namespace RpcNet.EndToEnd.Tests;

/// <summary>
/// Two network namespaces with a cable between them that can be cut in one direction: packets then go to a hardware address
/// that nobody has, and vanish without an error.
/// </summary>
internal sealed class NetworkNamespaces : IAsyncDisposable
{
    private readonly string _prefix = $"rpcnet{Environment.ProcessId.ToString(CultureInfo.InvariantCulture)}";

    private string HostsFolder => $"/etc/netns/{Near}";

    public string Near => $"{_prefix}n";

    public string Far => $"{_prefix}f";

    public static string NearAddress => "10.77.0.1";

    public static string FarAddress => "10.77.0.2";

    /// <summary>Skips the test, visibly, where namespaces cannot be made.</summary>
    public static async Task<NetworkNamespaces> CreateAsync()
    {
        var namespaces = new NetworkNamespaces();
        var (code, output) = await Shell.TryAsync("ip", "netns", "add", namespaces.Near);
        Assert.SkipUnless(code == 0, $"Network namespaces need iproute2 and the right to make them: {output.Trim()}");
        try
        {
            await Shell.RunAsync("ip", "netns", "add", namespaces.Far);
            (code, output) = await Shell.TryAsync(
                "ip", "link", "add", "cable", "netns", namespaces.Near, "type", "veth", "peer", "name", "cable", "netns", namespaces.Far);
            Assert.SkipUnless(code == 0, $"This kernel has no virtual cables: {output.Trim()}");
            foreach (var (name, address) in new[] { (namespaces.Near, NearAddress), (namespaces.Far, FarAddress) })
            {
                await Shell.RunAsync("ip", "-n", name, "address", "add", $"{address}/24", "dev", "cable");
                await Shell.RunAsync("ip", "-n", name, "link", "set", "lo", "up");
                await Shell.RunAsync("ip", "-n", name, "link", "set", "cable", "up");
            }
        }
        catch
        {
            await namespaces.DisposeAsync();
            throw;
        }

        return namespaces;
    }

    /// <summary>What names mean to processes on the near side; before the first of them starts, and again while they run.</summary>
    public void SetHosts(params string[] lines)
    {
        Directory.CreateDirectory(HostsFolder);
        File.WriteAllLines(Path.Combine(HostsFolder, "hosts"), ["127.0.0.1 localhost", .. lines]);
    }

    /// <summary>Lets loopback packets of the near side be as large as those of a network, and counts their bytes.</summary>
    public Task LimitLoopbackAsync() => Shell.RunAsync("ip", "-n", Near, "link", "set", "lo", "mtu", "1500");

    /// <summary>The bytes of IP packets that the loopback device of the near side has carried.</summary>
    public async Task<long> LoopbackBytesAsync()
    {
        var (code, output) = await Shell.TryAsync("ip", "netns", "exec", Near, "cat", "/sys/class/net/lo/statistics/tx_bytes");
        Assert.True(code == 0, output);
        return long.Parse(output, CultureInfo.InvariantCulture);
    }

    /// <summary>What the near side sends no longer arrives; what the far side sends does.</summary>
    public Task CutOneWayAsync() => Shell.RunAsync(
        "ip", "-n", Near, "neighbour", "replace", FarAddress, "lladdr", "02:00:00:00:00:99", "dev", "cable", "nud", "permanent");

    /// <summary>Neither side hears the other.</summary>
    public async Task CutAsync()
    {
        await CutOneWayAsync();
        await Shell.RunAsync(
            "ip", "-n", Far, "neighbour", "replace", NearAddress, "lladdr", "02:00:00:00:00:99", "dev", "cable", "nud", "permanent");
    }

    public async Task HealAsync()
    {
        await Shell.RunAsync("ip", "-n", Near, "neighbour", "flush", "dev", "cable", "nud", "permanent");
        await Shell.RunAsync("ip", "-n", Far, "neighbour", "flush", "dev", "cable", "nud", "permanent");
    }

    public async ValueTask DisposeAsync()
    {
        await Shell.TryAsync("ip", "netns", "delete", Near);
        await Shell.TryAsync("ip", "netns", "delete", Far);
        if (Directory.Exists(HostsFolder))
        {
            Directory.Delete(HostsFolder, recursive: true);
        }
    }
}
