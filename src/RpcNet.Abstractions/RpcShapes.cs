using System.Runtime.CompilerServices;
using PolyType;
using PolyType.Abstractions;

namespace RpcNet;

/// <summary>Finds the generated shape of a message type, which serializers that need no reflection work from.</summary>
/// <remarks>
/// A type with [GenerateShape] brings its shape. Closed generics, arrays, enums and the like have no place for the
/// attribute: their shapes come from the provider of an assembly that has [GenerateShapeFor&lt;T&gt;] on some partial class,
/// or in which an annotated type mentions them. RpcNet's generator registers that provider from a module initializer.
/// All members may be called concurrently.
/// </remarks>
public static class RpcShapes
{
    private static readonly Lock Gate = new();
    private static ITypeShapeProvider[] _providers = [BuiltInShapes.GeneratedTypeShapeProvider];

    /// <summary>Adds an assembly's shapes; called by generated module initializers. Adding one again has no effect.</summary>
    public static void Register(ITypeShapeProvider provider)
    {
        ArgumentNullException.ThrowIfNull(provider);
        lock (Gate)
        {
            if (Array.IndexOf(_providers, provider) < 0)
            {
                Volatile.Write(ref _providers, [.. _providers, provider]);
            }
        }
    }

    /// <summary>The shape of <typeparamref name="T"/>, or null when no assembly has generated one. Found shapes are cached.</summary>
    public static ITypeShape<T>? Find<T>()
    {
        if (Cache<T>.Shape is { } cached)
        {
            return cached;
        }

        var shape = TypeShapeResolver.ResolveDynamic<T>() ?? FindRegistered<T>();
        if (shape is null)
        {
            // The module initializer of an assembly runs when its code first does, which can be later than this.
            InitializeModules(typeof(T));
            shape = FindRegistered<T>();
        }

        Cache<T>.Shape = shape;
        return shape;
    }

    private static ITypeShape<T>? FindRegistered<T>()
    {
        foreach (var provider in Volatile.Read(ref _providers))
        {
            if (provider.GetTypeShape(typeof(T)) is ITypeShape<T> shape)
            {
                return shape;
            }
        }

        return null;
    }

    private static void InitializeModules(Type type)
    {
        RuntimeHelpers.RunModuleConstructor(type.Module.ModuleHandle);
        if (type.GetElementType() is { } element)
        {
            InitializeModules(element);
        }

        foreach (var argument in type.GenericTypeArguments)
        {
            InitializeModules(argument);
        }
    }

    private static class Cache<T>
    {
        public static ITypeShape<T>? Shape;
    }
}
