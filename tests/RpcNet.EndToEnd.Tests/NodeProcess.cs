using System.Diagnostics;
using System.Globalization;

namespace RpcNet.EndToEnd.Tests;

/// <summary>A process with one or more members of a cluster (tests/RpcNet.ClusterNode): its output, its input, its signals.</summary>
internal sealed class NodeProcess : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly Lock _gate = new();
    private readonly List<string> _lines = [];
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private NodeProcess(Process process, string id)
    {
        _process = process;
        Id = id;
    }

    /// <summary>The id of its member; the first one's when it has several.</summary>
    public string Id { get; }

    public int LineCount
    {
        get
        {
            lock (_gate)
            {
                return _lines.Count;
            }
        }
    }

    private static string Executable { get; } = Path.Combine(
        Repository.Root,
        "tests",
        "RpcNet.ClusterNode",
        "bin",
        Repository.Configuration,
        "net10.0",
        OperatingSystem.IsWindows() ? "RpcNet.ClusterNode.exe" : "RpcNet.ClusterNode");

    /// <summary>Starts a process for these members, "id=address" each, optionally inside a network namespace.</summary>
    public static NodeProcess Start(
        string members, string seeds, string folder, string? networkNamespace = null, params (string Name, string Value)[] environment)
    {
        var start = networkNamespace is null
            ? new ProcessStartInfo(Executable, [members, seeds])
            : new ProcessStartInfo("ip", ["netns", "exec", networkNamespace, Executable, members, seeds]);
        start.RedirectStandardInput = start.RedirectStandardOutput = start.RedirectStandardError = true;
        start.WorkingDirectory = folder;
        start.Environment["RpcNet__Certificates__DevelopmentDirectory"] = Path.Combine(folder, "certs");
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        var node = new NodeProcess(Process.Start(start)!, members.Split('=')[0]);
        node._process.OutputDataReceived += node.OnLine;
        node._process.ErrorDataReceived += node.OnLine;
        node._process.BeginOutputReadLine();
        node._process.BeginErrorReadLine();
        return node;
    }

    /// <summary>What it printed, from a line on, without the times.</summary>
    public string[] Lines(int from = 0)
    {
        lock (_gate)
        {
            return [.. _lines.Skip(from)];
        }
    }

    public Task<string> ExpectAsync(string text, int from = 0) => WaitAsync(lines => lines.Find(l => l.Contains(text, StringComparison.Ordinal)), from, $"\"{text}\"");

    /// <summary>Waits until the last view that it printed is this one.</summary>
    public Task ExpectViewAsync(params string[] ids)
    {
        var wanted = $"{Id} view {string.Join(',', ids.Order(StringComparer.Ordinal))}";
        return WaitAsync(lines => lines.FindLast(l => l.StartsWith($"{Id} view ", StringComparison.Ordinal)) is { } last && last == wanted ? last : null, 0, wanted);
    }

    public void Send(string command)
    {
        _process.StandardInput.WriteLine(command);
        _process.StandardInput.Flush();
    }

    /// <summary>The counters of all members of the process, by member and name.</summary>
    public async Task<Dictionary<string, Dictionary<string, double>>> StatsAsync(int members = 1)
    {
        var from = LineCount;
        Send("stats");
        await WaitAsync(lines => lines.Count(l => l.Contains(" stats ", StringComparison.Ordinal)) >= members ? "" : null, from, "stats");
        return Lines(from)
            .Select(l => l.Split(' '))
            .Where(w => w.Length > 1 && w[1] == "stats")
            .ToDictionary(
                w => w[0],
                w => w.Skip(2).Select(c => c.Split('=')).ToDictionary(c => c[0], c => double.Parse(c[1], CultureInfo.InvariantCulture), StringComparer.Ordinal),
                StringComparer.Ordinal);
    }

    /// <summary>Waits until each member has begun this many probes.</summary>
    public async Task ProbedAsync(int members, double probes)
    {
        for (var asked = 0; asked < 600; asked++)
        {
            var stats = await StatsAsync(members);
            if (stats.Values.All(s => s["probes"] >= probes))
            {
                return;
            }

            await Task.Delay(100);
        }

        Assert.Fail($"{Id}: no {probes} probes in a minute. The output was:\n{string.Join('\n', Lines())}");
    }

    public Task SignalAsync(string signal) => Shell.RunAsync("kill", $"-{signal}", _process.Id.ToString(CultureInfo.InvariantCulture));

    /// <summary>SIGKILL, and the certainty that it is gone.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>Leaves the cluster and ends.</summary>
    public async Task StopAsync()
    {
        Send("stop");
        await ExpectAsync("stopped");
        await _process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await KillAsync();
        }

        _process.Dispose();
    }

    private async Task<string> WaitAsync(Func<List<string>, string?> find, int from, string what)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                if (find(_lines[from..]) is { } found)
                {
                    return found;
                }

                changed = _changed.Task;
            }

            try
            {
                await changed.WaitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                Assert.Fail($"{Id}: {what} was not printed within {Limit.TotalSeconds} s. The output was:\n{string.Join('\n', Lines())}");
            }
        }
    }

    private void OnLine(object sender, DataReceivedEventArgs e)
    {
        if (e.Data is not { } line)
        {
            return;
        }

        lock (_gate)
        {
            var space = line.IndexOf(' ', StringComparison.Ordinal);
            _lines.Add(space > 0 && char.IsAsciiDigit(line[0]) ? line[(space + 1)..] : line);
            _changed.TrySetResult();
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }
}
