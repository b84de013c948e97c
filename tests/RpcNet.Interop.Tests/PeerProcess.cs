using System.Collections.Concurrent;
using System.Diagnostics;

namespace RpcNet.Interop.Tests;

/// <summary>A peer of another language as a process: an echo over quic-go or quiche, or the client of rpcnet/1 in Go.</summary>
internal sealed class PeerProcess : IAsyncDisposable
{
    public const string QuicGo = "quic-go";
    public const string Quiche = "quiche";

    private const string SetUp = "run eng/interop-prerequisites.sh.";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private static readonly Lazy<string?> s_quicGoMissing = new(BuildGo);
    private static readonly Lazy<string?> s_quicheMissing = new(CheckQuiche);

    private readonly Process _process;
    private readonly ConcurrentQueue<string> _errors = new();

    private PeerProcess(Process process)
    {
        _process = process;
        process.ErrorDataReceived += (_, e) =>
        {
            if (e.Data is not null)
            {
                _errors.Enqueue(e.Data);
            }
        };
        process.BeginErrorReadLine();
    }

    /// <summary>Starts an echo peer, or skips the test where its stack is missing.</summary>
    public static PeerProcess StartEcho(string stack, params string[] arguments)
    {
        if (stack == QuicGo)
        {
            return StartGo("echo", arguments);
        }

        Assert.SkipWhen(s_quicheMissing.Value is not null, $"quiche is missing: {s_quicheMissing.Value}");
        return Start("node", [EchoScript, .. arguments]);
    }

    /// <summary>Starts a program of interop/go, or skips the test where Go is missing.</summary>
    public static PeerProcess StartGo(string program, params string[] arguments)
    {
        Assert.SkipWhen(s_quicGoMissing.Value is not null, $"quic-go is missing: {s_quicGoMissing.Value}");
        return Start(Path.Combine(GoBinaries, program), arguments);
    }

    /// <summary>Reads the port that a server prints first.</summary>
    public async Task<int> ReadPortAsync()
    {
        var line = await _process.StandardOutput.ReadLineAsync().WaitAsync(Limit);
        Assert.StartsWith("port ", line ?? string.Join('\n', _errors), StringComparison.Ordinal);
        return int.Parse(line![5..], System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>Reads one line, which is to be this one.</summary>
    public async Task ExpectLineAsync(string line) =>
        Assert.Equal(line, await _process.StandardOutput.ReadLineAsync().WaitAsync(Limit) ?? string.Join('\n', _errors));

    /// <summary>Gives the process a line of input.</summary>
    public async Task WriteLineAsync(string line)
    {
        await _process.StandardInput.WriteLineAsync(line);
        await _process.StandardInput.FlushAsync();
    }

    /// <summary>Waits for the end and returns what was printed; where it failed, what it logged follows.</summary>
    public async Task<(int ExitCode, string Output)> ReadToEndAsync()
    {
        var output = await _process.StandardOutput.ReadToEndAsync().WaitAsync(Limit);
        await _process.WaitForExitAsync().WaitAsync(Limit);
        return (_process.ExitCode, _process.ExitCode == 0 ? output : string.Join('\n', [output, .. _errors]));
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync().WaitAsync(Limit);
        }

        _process.Dispose();
    }

    private static string GoBinaries => Path.Combine(Repository.Root, "artifacts", "interop", "bin");

    private static string EchoScript => Path.Combine(Repository.Root, "interop", "quiche", "echo.mjs");

    private static PeerProcess Start(string program, IEnumerable<string> arguments) =>
        new(Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!);

    // What is there is built again, which takes no time unless the sources have changed.
    private static string? BuildGo()
    {
        if (!File.Exists(Path.Combine(Repository.Root, "artifacts", "interop", "go", "complete")))
        {
            return SetUp;
        }

        var (code, output) = Run(Path.Combine(Repository.Root, "interop", "go", "build.sh"), GoBinaries);
        return code == 0 ? null : throw new InvalidOperationException($"The peers in Go do not compile:\n{output}");
    }

    private static string? CheckQuiche()
    {
        if (!Directory.Exists(Path.Combine(Repository.Root, "interop", "quiche", "node_modules")))
        {
            return SetUp;
        }

        var (code, output) = Run("node", EchoScript, "check");
        return code == 0 ? null : $"its native library does not load: {output}";
    }

    private static (int ExitCode, string Output) Run(string program, params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + errors.GetAwaiter().GetResult());
    }
}
