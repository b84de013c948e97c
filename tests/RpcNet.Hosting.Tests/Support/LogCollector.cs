using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace RpcNet.Hosting.Tests.Support;

/// <summary>Keeps what was logged.</summary>
internal sealed class LogCollector : ILoggerProvider, ILogger, ILoggerFactory
{
    private readonly ConcurrentQueue<(LogLevel Level, EventId Id, string Text)> _entries = new();

    private readonly ConcurrentQueue<string> _exceptions = new();

    /// <summary>The exceptions logged, as they print.</summary>
    public IReadOnlyCollection<string> Exceptions => _exceptions;

    public IReadOnlyCollection<(LogLevel Level, EventId Id, string Text)> Entries => _entries;

    public bool Has(int eventId) => _entries.Any(e => e.Id.Id == eventId);

    public void Clear() => _entries.Clear();

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        _entries.Enqueue((logLevel, eventId, formatter(state, exception)));
        if (exception is not null)
        {
            _exceptions.Enqueue(exception.ToString());
        }
    }

    public void Dispose()
    {
    }
}
