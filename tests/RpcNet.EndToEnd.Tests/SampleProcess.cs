using System.Diagnostics;

namespace RpcNet.EndToEnd.Tests;

/// <summary>The tutorial's sample as a process of its own: its output, its signals, its exit code.</summary>
internal sealed class SampleProcess : IAsyncDisposable
{
    private static readonly TimeSpan ExitLimit = TimeSpan.FromSeconds(30);

    private readonly Process _process;
    private readonly Lock _gate = new();
    private readonly List<string> _lines = [];
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private SampleProcess(Process process) => _process = process;

    /// <summary>Everything printed so far, both streams.</summary>
    public string Output
    {
        get
        {
            lock (_gate)
            {
                return string.Join('\n', _lines);
            }
        }
    }

    public bool HasExited => _process.HasExited;

    /// <summary>Starts the sample with a role and an environment; the certificates of one test stay in its folder.</summary>
    public static SampleProcess Start(string? role, string folder, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(Repository.SampleExecutable)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (role is not null)
        {
            start.ArgumentList.Add("--role");
            start.ArgumentList.Add(role);
        }

        start.Environment["DOTNET_ENVIRONMENT"] = "Development";
        start.Environment["RpcNet__Certificates__DevelopmentDirectory"] = Path.Combine(folder, "certs");
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        var process = Process.Start(start)!;
        var sample = new SampleProcess(process);
        process.OutputDataReceived += sample.OnLine;
        process.ErrorDataReceived += sample.OnLine;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return sample;
    }

    /// <summary>Lines printed so far.</summary>
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

    /// <summary>Waits until a line from <paramref name="from"/> on holds the text; fails the test with the whole output otherwise.</summary>
    public async Task<string> ExpectAsync(string text, int seconds = 30, int from = 0)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                if (_lines.Skip(from).FirstOrDefault(line => line.Contains(text, StringComparison.Ordinal)) is { } found)
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
                Assert.Fail($"\"{text}\" was not printed within {seconds} s. The output was:\n{Output}");
            }
        }
    }

    /// <summary>Waits for the end of the process; fails the test when it goes on.</summary>
    public async Task<int> ExitAsync()
    {
        using var limit = new CancellationTokenSource(ExitLimit);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"The process goes on after {ExitLimit.TotalSeconds} s. The output was:\n{Output}");
        }

        return _process.ExitCode;
    }

    /// <summary>What Ctrl+C sends.</summary>
    public async Task InterruptAsync()
    {
        using var kill = Process.Start("kill", ["-INT", _process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
    }

    public void Kill() => _process.Kill();

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    private void OnLine(object sender, DataReceivedEventArgs e)
    {
        if (e.Data is null)
        {
            return;
        }

        lock (_gate)
        {
            _lines.Add(e.Data);
            _changed.TrySetResult();
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }
}
