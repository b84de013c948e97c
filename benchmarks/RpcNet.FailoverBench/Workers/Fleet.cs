using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace RpcNet.FailoverBench.Workers;

/// <summary>The worker processes of a run. Each keeps its port over restarts, as a machine does.</summary>
internal sealed class Fleet(Settings settings, string seed) : IAsyncDisposable
{
    private readonly string[] _addresses = [.. Enumerable.Range(0, settings.Workers).Select(static _ => $"127.0.0.1:{FreePort()}")];
    private readonly Process?[] _processes = new Process?[settings.Workers];
    private readonly List<Task> _logs = [];

    public int Count => _processes.Length;

    /// <summary>A loopback UDP port that nobody uses at this moment.</summary>
    public static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    public void Start(int worker)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        if (Path.GetFileNameWithoutExtension(start.FileName) == "dotnet")
        {
            start.ArgumentList.Add(Environment.GetCommandLineArgs()[0]);
        }

        foreach (var argument in new[]
        {
            "worker", $"w{worker}", _addresses[worker], seed, settings.Out,
            settings.Work.ToString(CultureInfo.InvariantCulture), settings.Drain.ToString(CultureInfo.InvariantCulture),
        })
        {
            start.ArgumentList.Add(argument);
        }

        var process = Process.Start(start) ?? throw new InvalidOperationException($"Worker {worker} did not start.");
        _processes[worker] = process;
        _logs.Add(CopyAsync(process.StandardOutput, Path.Combine(settings.Out, $"w{worker}.log")));
    }

    /// <summary>SIGKILL; returns when the process is gone.</summary>
    public async Task KillAsync(int worker)
    {
        var process = _processes[worker]!;
        process.Kill();
        await EndedAsync(worker, process);
    }

    /// <summary>SIGTERM; returns the exit code when the process has drained and ended.</summary>
    public async Task<int> StopAsync(int worker)
    {
        var process = _processes[worker]!;
        using (var kill = Process.Start("kill", ["-TERM", process.Id.ToString(CultureInfo.InvariantCulture)]))
        {
            await kill.WaitForExitAsync();
        }

        return await EndedAsync(worker, process);
    }

    public async ValueTask DisposeAsync()
    {
        for (var i = 0; i < _processes.Length; i++)
        {
            if (_processes[i] is { } process)
            {
                process.Kill();
                await EndedAsync(i, process);
            }
        }

        await Task.WhenAll(_logs);
    }

    private async Task<int> EndedAsync(int worker, Process process)
    {
        await process.WaitForExitAsync();
        var code = process.ExitCode;
        _processes[worker] = null;
        process.Dispose();
        return code;
    }

    private static async Task CopyAsync(StreamReader output, string path)
    {
        await using var log = new StreamWriter(new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite));
        while (await output.ReadLineAsync() is { } line)
        {
            await log.WriteLineAsync(line);
            await log.FlushAsync();
        }
    }
}
