using System.Diagnostics;
using System.Threading.Channels;
using RpcNet.LoadTest.Children;

namespace RpcNet.LoadTest.Coordination;

/// <summary>A child of the coordinator. Disposal ends it: by the end of its input, or by force after two seconds.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private static readonly TimeSpan ExitTimeout = TimeSpan.FromSeconds(2);

    private readonly Process _process;
    private readonly string _name;
    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();
    private readonly Task _reading;
    private readonly Task _readingErrors;
    private string? _firstError;

    private ChildProcess(Process process, string name)
    {
        _process = process;
        _name = name;
        _reading = ReadAsync();
        _readingErrors = ReadErrorsAsync();
    }

    /// <summary>Starts this program again with other arguments.</summary>
    public static ChildProcess Start(string name, IReadOnlyDictionary<string, string> environment, params IReadOnlyList<string> arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        if (Path.GetFileNameWithoutExtension(start.FileName) == "dotnet")
        {
            start.ArgumentList.Add(Environment.GetCommandLineArgs()[0]);
        }

        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var (key, value) in environment)
        {
            start.Environment[key] = value;
        }

        return new ChildProcess(Process.Start(start) ?? throw new InvalidOperationException($"{name} did not start."), name);
    }

    /// <summary>Writes a command.</summary>
    public async Task SendAsync<T>(string word, T value)
    {
        await _process.StandardInput.WriteLineAsync(LineProtocol.Format(word, value));
        await _process.StandardInput.FlushAsync();
    }

    /// <summary>Waits for an event.</summary>
    /// <exception cref="ChildFailedException">The child reported a failure, ended, or stayed silent.</exception>
    public async Task<T> ReceiveAsync<T>(string expected, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(timeout);
        try
        {
            var (word, json) = LineProtocol.Split(await _lines.Reader.ReadAsync(limit.Token));
            return word == expected
                ? LineProtocol.Parse<T>(json)
                : throw new ChildFailedException($"{_name}: {(word == LineProtocol.Failed ? LineProtocol.Parse<string>(json) : word)}");
        }
        catch (ChannelClosedException)
        {
            await _readingErrors;
            throw new ChildFailedException($"{_name} ended: {_firstError}");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ChildFailedException($"{_name} said nothing for {timeout.TotalSeconds:0} s");
        }
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            _process.StandardInput.Close();
        }
        catch (IOException)
        {
            // The child ended first.
        }

        using (var limit = new CancellationTokenSource(ExitTimeout))
        {
            try
            {
                await _process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                _process.Kill();
            }
        }

        await Task.WhenAll(_reading, _readingErrors);
        _process.Dispose();
    }

    private async Task ReadAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            _lines.Writer.TryWrite(line);
        }

        _lines.Writer.Complete();
    }

    // Read to the end, or the child would block when the pipe is full; an unhandled exception's first line says enough.
    private async Task ReadErrorsAsync()
    {
        while (await _process.StandardError.ReadLineAsync() is { } line)
        {
            _firstError ??= line;
        }
    }
}

/// <summary>A child cannot go on.</summary>
internal sealed class ChildFailedException(string message) : Exception(message);
