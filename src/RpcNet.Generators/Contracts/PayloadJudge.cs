using Microsoft.CodeAnalysis;

namespace RpcNet.Generators.Contracts;

/// <summary>Whether a type's values can travel.</summary>
internal enum PayloadVerdict
{
    Serializable,

    /// <summary>A type of this source that lacks [GenerateShape].</summary>
    NeedsShape,

    /// <summary>A type without a place for an attribute: [GenerateShapeFor] must name it.</summary>
    NeedsWitness,

    /// <summary>Not with any attribute.</summary>
    Never,
}

/// <summary>Judges payload types as the serializer will at run time: by the shapes that PolyType generates.</summary>
internal sealed class PayloadJudge(Compilation compilation)
{
    private readonly Lazy<GeneratedShapes> _shapes = new(() => GeneratedShapes.Of(compilation.Assembly));

    public PayloadVerdict Judge(ITypeSymbol type, out string? reason)
    {
        reason = NeverReason(type);
        if (reason is not null)
        {
            return PayloadVerdict.Never;
        }

        if (type.TypeKind == TypeKind.Error
            || BuiltInTypes.Names.Contains(type.ToDisplayString(Symbols.Readable))
            || (type is INamedTypeSymbol named && IsAnnotated(named))
            || _shapes.Value.Contains(type))
        {
            return PayloadVerdict.Serializable;
        }

        return type is INamedTypeSymbol { TypeKind: not TypeKind.Enum } own
            && !Symbols.IsGeneric(own)
            && own.DeclaringSyntaxReferences.Length > 0
            && SymbolEqualityComparer.Default.Equals(own.ContainingAssembly, compilation.Assembly)
            ? PayloadVerdict.NeedsShape
            : PayloadVerdict.NeedsWitness;
    }

    private static bool IsAnnotated(INamedTypeSymbol type) =>
        Symbols.Attribute(type, Symbols.GenerateShape) is not null || ShapeSource.IsShapeable(type);

    private static string? NeverReason(ITypeSymbol type) => type switch
    {
        { TypeKind: TypeKind.Dynamic } or { SpecialType: SpecialType.System_Object } => "it does not say which values it holds",
        { TypeKind: TypeKind.Delegate } => "it is a delegate",
        { TypeKind: TypeKind.Pointer or TypeKind.FunctionPointer } => "it is a pointer",
        { IsRefLikeType: true } => "it is a ref struct",
        IArrayTypeSymbol array => NeverReason(array.ElementType),
        INamedTypeSymbol named when Symbols.IsAsyncEnumerable(named) => "a stream must be a parameter or the result itself",
        INamedTypeSymbol { Name: "Task" or "ValueTask" or "CancellationToken" } named when IsThreading(named) =>
            "it belongs to this process",
        INamedTypeSymbol named when Symbols.Is(named, "System.IO", "Stream") =>
            "it belongs to this process; use IAsyncEnumerable<byte[]>",
        INamedTypeSymbol named => named.TypeArguments.Select(NeverReason).FirstOrDefault(r => r is not null),
        _ => null,
    };

    private static bool IsThreading(INamedTypeSymbol type) =>
        type.ContainingNamespace.ToDisplayString() is "System.Threading" or "System.Threading.Tasks";
}
